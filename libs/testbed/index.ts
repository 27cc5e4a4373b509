export { startNats } from './servers/nats.js';
export { startRedis } from './servers/redis.js';
export { freePort } from './servers/free-port.js';
export { ServerMissingError, type ThrowAwayServer } from './servers/throw-away-server.js';
export { startPredictor, type Predictor, type PredictorOptions } from './predictor/server.js';

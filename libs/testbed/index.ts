export { startNats } from './servers/nats.js';
export { startRedis } from './servers/redis.js';
export { freePort } from './servers/free-port.js';
export { ServerMissingError, type ThrowAwayServer } from './servers/throw-away-server.js';
export { startPredictor, type Predictor, type PredictorOptions } from './predictor/server.js';
export { blur, brightness, driftedRows, noise, type Drift } from './traffic/drift.js';
export { lateLabels, type LateLabels, type LateLabelsOptions } from './traffic/late-labels.js';
export { shuffledRows, type RowSource, type TrafficRow } from './traffic/rows.js';
export {
  startTraffic,
  type Outcome,
  type Traffic,
  type TrafficCounts,
  type TrafficOptions,
} from './traffic/traffic.js';
export type { AttackKind } from './attacker/adversarial-rows.js';
export { startAttacker, type Attacker, type AttackerOptions } from './attacker/attacker.js';
export { DemoResult } from './demo/result.js';

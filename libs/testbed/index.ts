export { startNats, type NatsServer } from './servers/nats.js';
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
export { startProgram, type NodeProcess, type NodeProgram } from './stack/node-process.js';
export { startStack, SERVICES, type ServiceName, type Stack, type StackOptions } from './stack/stack.js';
export { digitParts, digitShares, digits } from './digits.js';
export { parseOptions, UsageError, type DemoOptions } from './demo/options.js';
export { runAttack } from './demo/attack.js';
export { runBadCandidate } from './demo/bad-candidate.js';
export { runClean, runDrift } from './demo/others.js';
export { MODEL, startRun, type Run, type RunSettings } from './demo/scenario.js';
export { terminalView, type View } from './demo/view.js';
export { watchEvents, type Seen, type Watch } from './demo/watch.js';
export { calibrationTable } from './demo/describe.js';
export { prepare, type Prepared } from './demo/prepare.js';

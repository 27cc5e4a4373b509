export {
  type Engine,
  EngineUnavailableError,
  type EngineName,
  engineNames,
  enginesPresent,
  openEngine,
} from './engines.js';
export { secondsPerStep } from './measure.js';

export {
  type Engine,
  EngineUnavailableError,
  type EngineName,
  engineNames,
  enginesPresent,
  hasGpu,
  openEngine,
} from './engines.js';
export { secondsPerStep } from './measure.js';
export { MEMORY_PATTERN, memoryBytes, memoryLeft } from './memory.js';

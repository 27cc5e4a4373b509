import { availableParallelism, cpus, loadavg } from 'node:os';

/** Where the numbers come from: without it they say nothing. */
export interface Machine {
  cores: number;
  processor: string;
  node: string;
  platform: string;
  /** Processes that wanted to run during the last minute, on average, before the first bench. */
  loadAverage: number;
  /** Others want the cores too: the numbers are too low, and vary. */
  overloaded: boolean;
}

export function thisMachine(): Machine {
  const cores = availableParallelism();
  const loadAverage = Math.round(100 * (loadavg()[0] ?? 0)) / 100;
  return {
    cores,
    processor: cpus()[0]?.model ?? 'unknown',
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    loadAverage,
    overloaded: loadAverage > cores,
  };
}

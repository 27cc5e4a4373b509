import type { ArtifactStore } from '#artifacts';
import type { Executor } from '#onnx-autodiff';

/** What a job may use. */
export interface Tools {
  store: ArtifactStore;
  /** URI of a name in the store. */
  uriOf: (name: string) => string;
  executor: Executor;
  /** Id of this trainer. */
  trainer: string;
  /** Bytes that the process may still take. */
  memoryLeft: () => number;
  signal: AbortSignal;
  /** Milliseconds on a clock that never goes back. */
  clock: () => number;
}

/** An argument that makes no sense; `field` names it. */
export class InvalidArgumentError extends Error {
  override readonly name = 'InvalidArgumentError';

  constructor(
    readonly field: string,
    problem: string,
  ) {
    super(`${field} ${problem}`);
  }
}

/** Training ended in a useless model each time, also with lower learning rates. */
export class TrainingCollapsedError extends Error {
  override readonly name = 'TrainingCollapsedError';
}

/** A checkpoint that is damaged, or of another run. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
}

export function requireThat(condition: boolean, field: string, problem: string): asserts condition {
  if (!condition) throw new InvalidArgumentError(field, problem);
}

/** Not even one row, or not a batch that must not be split, fits into the memory there is. */
export class MemoryLimitError extends Error {
  override readonly name = 'MemoryLimitError';
}

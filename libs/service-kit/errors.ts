/** Thrown where no retry can help: the message goes to the dead letters at once. Any error with `permanent: true` counts as one. */
export class PermanentError extends Error {
  override readonly name: string = 'PermanentError';
  readonly permanent = true;
}

export const isPermanent = (error: unknown): boolean =>
  error instanceof SyntaxError || (error as { permanent?: boolean } | null)?.permanent === true;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

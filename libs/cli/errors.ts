/** The command line, or a file it names, is not usable; the message says which option and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** An answer other than 200: the body becomes `{"error": message}`, as model servers say it. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';

  constructor(
    readonly status: 400 | 404 | 405 | 409 | 413 | 503,
    message: string,
  ) {
    super(message);
  }
}

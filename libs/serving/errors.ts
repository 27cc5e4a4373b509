/** A request, a response or a logged event that cannot be used. `field` says where, e.g. `inputs[0].shape`. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';

  constructor(
    readonly field: string,
    problem: string,
  ) {
    super(`${field} ${problem}`);
  }
}

/** The model server answered with something else than success, or not at all. `status` is its HTTP status, if it answered. */
export class ModelServerError extends Error {
  override readonly name = 'ModelServerError';

  constructor(
    readonly url: string,
    readonly status: number | undefined,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${url}: ${problem}`, options);
  }
}

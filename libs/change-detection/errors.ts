/** Calibration cannot be done with what was given; the message names the argument and says what is needed. */
export class CalibrationError extends Error {
  override readonly name = 'CalibrationError';
  constructor(
    readonly field: string,
    problem: string,
  ) {
    super(`${field} ${problem}`);
  }
}

/** The bytes are not a well-formed ONNX model (truncated, contradictory, absurd sizes, cyclic ...). */
export class MalformedModelError extends Error {
  override readonly name = 'MalformedModelError';
  constructor(reason: string, options?: ErrorOptions) {
    super(oneLine(`not a valid ONNX model: ${reason}`), options);
  }
}

/** A valid model that this library cannot differentiate; the message says which node and what to do instead. */
export class UnsupportedModelError extends Error {
  override readonly name = 'UnsupportedModelError';
  readonly op: string | undefined;
  readonly node: string | undefined;
  readonly opset: number | undefined;

  constructor(reason: string, where: { op?: string; node?: string; opset?: number } = {}, options?: ErrorOptions) {
    super(oneLine(reason), options);
    this.op = where.op;
    this.node = where.node;
    this.opset = where.opset;
  }

  /** The same with the opset, which only whoever knows the file can add. */
  inOpset(opset: number): UnsupportedModelError {
    if (this.opset !== undefined) return this;
    const where = {
      ...(this.op !== undefined && { op: this.op }),
      ...(this.node !== undefined && { node: this.node }),
      opset,
    };
    return new UnsupportedModelError(`${this.message} (opset ${opset})`, where, { cause: this });
  }
}

const LONGEST = 500;

/** Messages repeat names from files, which may hold anything. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)} ...` : line;
}

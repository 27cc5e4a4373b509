import Type, { type Static, type TSchema } from 'typebox';

export { Type, type Static, type TSchema };

/** A Kubernetes-style name: it becomes a NATS subject token, a Redis key and a file name, so nothing else is allowed. */
export const nameOf = (what: string) =>
  Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$', description: `${what}DNS label, 1 to 63 characters` });
export const Name = nameOf('');

export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the bytes, lower-case hex' });
export const Uri = Type.String({
  minLength: 1,
  maxLength: 2048,
  description: 'artifact URI, e.g. file:///models/fraud.onnx',
});
export const Id = Type.String({ minLength: 1, maxLength: 256 });
export const Time = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$',
  description: 'RFC 3339, UTC',
});
export const Fraction = Type.Number({ minimum: 0, maximum: 1 });
export const Count = Type.Integer({ minimum: 0 });
export const Nullable = <T extends TSchema>(schema: T, about: { description?: string } = {}) =>
  Type.Union([schema, Type.Null()], about);

/** Which served model an event is about. */
export const ModelRef = { namespace: Name, model: Name };
/** Which revision of it: everything is keyed by (model, revision), or a canary would be judged with the wrong file. */
export const RevisionRef = { ...ModelRef, revision: Name };

/** A proportion with its 95 % interval (Wilson 1927) and the number of rows behind it. */
export const Proportion = Type.Object({ value: Fraction, low: Fraction, high: Fraction, n: Count });
export type Proportion = Static<typeof Proportion>;

/** One row of a logged request. */
export const RequestRow = Type.Object({ id: Id, row: Count });
export type RequestRow = Static<typeof RequestRow>;

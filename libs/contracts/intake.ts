import { Label, Sample } from './events/samples.js';
import type { TSchema } from './schema.js';
import { InvalidInputError, parser } from './validation.js';

export interface Intake<T> {
  valid: T[];
  invalid: { index: number; reason: string }[];
}

const MAX_ITEMS = 5000;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a stranger may send: one item, an array, `{<plural>: [...]}`, or a CloudEvent around any of these. */
function itemsOf(what: string, plural: string, input: unknown): unknown[] {
  const body = isObject(input) && 'specversion' in input && 'data' in input ? input.data : input;
  const items = Array.isArray(body)
    ? (body as unknown[])
    : isObject(body) && Array.isArray(body[plural])
      ? (body[plural] as unknown[])
      : [body];
  if (items.length > MAX_ITEMS)
    throw new InvalidInputError(what, plural, `has ${items.length} items, at most ${MAX_ITEMS} fit in one message`);
  return items;
}

function intake<T extends TSchema>(what: string, plural: string, schema: T) {
  const parse = parser(what, schema);
  return (input: unknown) => {
    const result: Intake<ReturnType<typeof parse>> = { valid: [], invalid: [] };
    itemsOf(what, plural, input).forEach((item, index) => {
      try {
        result.valid.push(parse(item));
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        result.invalid.push({ index, reason: error.message });
      }
    });
    return result;
  };
}

/** Reads `accuracy.sample` in every accepted form. What is invalid is told apart, the rest counts. */
export const intakeSamples = intake('accuracy.sample', 'samples', Sample);
/** The samples as they were sent, so that an invalid one can be kept with its reason. */
export const samplesAsSent = (input: unknown): unknown[] => itemsOf('accuracy.sample', 'samples', input);
/** Reads `label.observed` in every accepted form. */
export const intakeLabels = intake('label.observed', 'labels', Label);

export const DEFAULT_NAMESPACE = 'default';

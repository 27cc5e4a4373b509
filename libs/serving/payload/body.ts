import { PayloadError } from '../errors.js';

export type Json = Record<string, unknown>;

/** A body split into its JSON part and, for the binary extension of the V2 protocol, the raw tensors that follow it. */
export interface Body {
  json: Json;
  binary: Uint8Array;
}

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Undefined when the body is empty or is not a JSON object: health checks and the like pass the same proxy. */
export function parseBody(body: Uint8Array): Body | undefined {
  const whole = tryParse(body);
  if (whole !== undefined) return isObject(whole) ? { json: whole, binary: new Uint8Array() } : undefined;
  // The length of the JSON part is a header that the logger does not pass on, so look for the end of the first object.
  const end = endOfFirstObject(body);
  if (end === undefined) return undefined;
  const json = tryParse(body.subarray(0, end));
  return isObject(json) ? { json, binary: body.subarray(end) } : undefined;
}

function tryParse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

const [QUOTE, BACKSLASH, OPEN, CLOSE] = ['"', '\\', '{', '}'].map((c) => c.charCodeAt(0));

function endOfFirstObject(body: Uint8Array): number | undefined {
  if (body[0] !== OPEN) return undefined;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN) depth++;
    else if (byte === CLOSE && --depth === 0) return i + 1;
  }
  return undefined;
}

/** The optional request id of the V2 protocol. */
export function idOf(json: Json): string | undefined {
  if (json.id === undefined || json.id === null) return undefined;
  if (typeof json.id !== 'string') throw new PayloadError('id', 'must be a string');
  return json.id || undefined;
}

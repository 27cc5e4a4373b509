import { ModelServerError } from './errors.js';

export interface Call {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  timeoutMs: number;
}

const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/** Success is any 2xx; everything else throws ModelServerError with what the server said. */
export async function call(url: string, { method = 'GET', headers, body, timeoutMs }: Call): Promise<Answer> {
  let response: Response;
  let bytes: Uint8Array;
  try {
    response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(timeoutMs) });
    bytes = await bounded(response);
  } catch (cause) {
    throw new ModelServerError(url, undefined, `no answer (${reason(cause)})`, { cause });
  }
  if (!response.ok) {
    throw new ModelServerError(url, response.status, `answered ${response.status}: ${errorText(bytes)}`);
  }
  return { headers: response.headers, bytes };
}

export interface Answer {
  headers: Headers;
  bytes: Uint8Array;
}

export function jsonOf(url: string, { bytes }: Answer): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new ModelServerError(url, 200, 'answered with something else than JSON', { cause });
  }
}

async function bounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_RESPONSE_BYTES) throw new Error(`more than ${MAX_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Model servers say `{"error": "..."}`. */
function errorText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8').slice(0, 500);
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : text;
  } catch {
    return text;
  }
}

/** Undici hides what happened behind "fetch failed". */
const reason = (error: unknown): string => {
  const cause = (error as { cause?: { code?: string; message?: string } } | undefined)?.cause;
  return cause?.code ?? cause?.message ?? (error as Error).message;
};

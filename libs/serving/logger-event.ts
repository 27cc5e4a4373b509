import { gunzipSync } from 'node:zlib';
import { PayloadError } from './errors.js';

/** Which half of an inference a logged event carries. The two halves share the id. */
export type LoggedHalf = 'request' | 'response';

/** One event of KServe's payload logger (pkg/logger in kserve/kserve), read from or for a binary-mode CloudEvent post. */
export interface LoggerEvent {
  half: LoggedHalf;
  /** The client's `Ce-Id` or a UUID: chosen by the client, so it may repeat or collide. */
  id: string;
  /** When the agent saw this half (KServe 0.18 and later; before, when it sent it). */
  time?: string;
  namespace?: string;
  inferenceService?: string;
  component?: string;
  /** The request headers that the logger was told to pass on, names in lower case. Their values come from the client. */
  metadata: ReadonlyMap<string, readonly string[]>;
  contentType?: string;
  /** Inflated where the server had compressed it; empty for health checks and the like. */
  body: Uint8Array;
}

export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const TYPE = 'org.kubeflow.serving.inference.';
const MAX_ID = 256;
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/** Reads one post of the logger; header names in lower case, as Node gives them. Throws PayloadError naming the header. */
export function parseLoggerEvent(headers: RequestHeaders, body: Uint8Array): LoggerEvent {
  const optional = (name: string) => headerText(headers[name]) || undefined;
  const type = optional('ce-type');
  const half = type?.startsWith(TYPE) ? type.slice(TYPE.length) : undefined;
  if (half !== 'request' && half !== 'response') {
    throw new PayloadError('ce-type', `must be ${TYPE}request or ${TYPE}response, not ${type ?? 'absent'}`);
  }
  const id = optional('ce-id');
  if (!id || id.length > MAX_ID) throw new PayloadError('ce-id', `must have 1 to ${MAX_ID} characters`);
  return {
    half,
    id,
    time: optional('ce-time'),
    namespace: optional('ce-namespace'),
    inferenceService: optional('ce-inferenceservicename'),
    component: optional('ce-component'),
    metadata: metadataOf(optional('ce-metadata')),
    contentType: optional('content-type'),
    body: inflate(body),
  };
}

/** The agent writes UTF-8 into headers, which HTTP libraries hand over byte by byte as Latin-1. */
function headerText(value: string | readonly string[] | undefined): string {
  const first = typeof value === 'string' ? value : (value?.[0] ?? '');
  return /[\x80-\xff]/.test(first) ? Buffer.from(first, 'latin1').toString('utf8') : first;
}

/** `{"X-User-Id":["u-1"]}`; `{}`, `null` or no header at all when there is none, depending on the version of KServe. */
function metadataOf(header: string | undefined): ReadonlyMap<string, readonly string[]> {
  if (!header) return new Map();
  let parsed: unknown;
  try {
    parsed = JSON.parse(header);
  } catch {
    throw new PayloadError('ce-metadata', 'must be a JSON object of header names to arrays of values');
  }
  const entries = Object.entries((parsed ?? {}) as Record<string, unknown>);
  return new Map(entries.map(([name, values]) => [name.toLowerCase(), [values].flat().map(String)]));
}

/** A compressed answer is logged as it is, without its Content-Encoding: only the first bytes tell. */
function inflate(body: Uint8Array): Uint8Array {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body;
  try {
    return gunzipSync(body, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new PayloadError('body', tooLarge ? `inflates to more than ${MAX_INFLATED_BYTES} bytes` : 'is broken gzip');
  }
}

export interface LoggerPost {
  /** In the order and spelling in which KServe's agent writes them, after Host. */
  headers: Record<string, string>;
  body: Uint8Array;
}

/** The post by which KServe's agent (0.18 to 0.20) logs one half of an inference. */
export function loggerPost(event: LoggerEvent): LoggerPost {
  const { half, id, time = '', contentType, body } = event;
  return {
    headers: {
      'User-Agent': 'Go-http-client/1.1',
      'Content-Length': String(body.length),
      'Ce-Component': event.component ?? 'predictor',
      'Ce-Endpoint': '',
      'Ce-Id': latin1(id),
      'Ce-Inferenceservicename': event.inferenceService ?? '',
      'Ce-Metadata': latin1(metadataJson(event.metadata)),
      'Ce-Namespace': event.namespace ?? '',
      'Ce-Recordedtime': time,
      'Ce-Source': 'http://localhost:9081/', // a constant in practice: the pod has no name yet when the agent is configured
      'Ce-Specversion': '1.0',
      'Ce-Time': time,
      'Ce-Type': TYPE + half,
      ...(contentType && { 'Content-Type': contentType }),
      'Accept-Encoding': 'gzip',
    },
    body,
  };
}

const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

/** Names as Go spells them, and the three characters that its JSON encoder escapes. */
function metadataJson(metadata: LoggerEvent['metadata']): string {
  const canonical = (name: string) => name.replace(/(^|-)[a-z]/g, (first) => first.toUpperCase());
  const headers = Object.fromEntries([...metadata].map(([name, values]) => [canonical(name), values]));
  return JSON.stringify(headers).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

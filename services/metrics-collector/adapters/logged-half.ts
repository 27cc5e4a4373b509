import type { IncomingHttpHeaders } from 'node:http';
import type { ModelName } from '#contracts';
import { parseLoggerEvent, PayloadError, requestRows, responseClasses } from '#serving';
import { requestId } from '../domain/request-id.js';
import type { WatchedRevision } from '../domain/watched-models.js';
import { boundedId } from './event-ids.js';
import type { LossReason } from './metrics.js';

/** One post of KServe's payload logger, as it came. The revision is the one that its URL names. */
export interface LoggedPost {
  model: ModelName;
  revision: string;
  headers: IncomingHttpHeaders;
  body: Uint8Array;
  /** Milliseconds: when it came. */
  at: number;
}

export type LoggedHalf =
  /** `x` is rows x features. No rows where the revision has no model file: there only the response says something. */
  | { half: 'request'; id: string; rows: number; x: Float32Array }
  | { half: 'response'; id: string; classes: Int32Array };

/** Reads what a post says, or why it says nothing. Whatever the bytes are, it does not throw. */
export function readHalf(post: LoggedPost, { protection, revision }: WatchedRevision): LoggedHalf | LossReason {
  try {
    const ceId = post.headers['ce-id'];
    const event = parseLoggerEvent(
      { ...post.headers, ...(typeof ceId === 'string' && { 'ce-id': boundedId(ceId) }) },
      post.body,
    );
    if (event.body.length === 0) return 'empty';
    const idOf = (v2Id?: string) =>
      boundedId(requestId(protection.detection.requestId, { ceId: event.id, v2Id, metadata: event.metadata }));
    if (event.half === 'response') {
      const response = responseClasses(event.body);
      return response ? { half: 'response', id: idOf(response.id), classes: response.classes } : 'not-inference';
    }
    if (!protection.inputs || !revision.modelFile)
      return { half: 'request', id: event.id, rows: 0, x: new Float32Array() };
    const request = requestRows(event.body, protection.inputs);
    return request ? { half: 'request', id: idOf(request.id), rows: request.rows, x: request.x } : 'not-inference';
  } catch (error) {
    if (error instanceof PayloadError) return 'malformed';
    throw error;
  }
}

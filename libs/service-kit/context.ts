import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/** What ties the work done for one request or message together, over processes: W3C trace context and a correlation id. */
export interface WorkContext {
  traceId: string;
  spanId: string;
  /** Trace flags as two hex digits; 01 = sampled. */
  flags: string;
  tracestate?: string;
  correlationId: string;
}

const storage = new AsyncLocalStorage<WorkContext>();
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const CORRELATION_ID = /^[\x21-\x7e]{1,128}$/;

export const currentContext = (): WorkContext | undefined => storage.getStore();
export const withContext = <T>(context: WorkContext, work: () => T): T => storage.run(context, work);

/** Continues the trace that the headers carry in a span of its own, or starts one. What does not parse is ignored, as W3C asks. */
export function contextFrom(header: (name: string) => string | undefined): WorkContext {
  const parent = TRACEPARENT.exec(header('traceparent') ?? '');
  const traceId = parent?.[1] ?? randomBytes(16).toString('hex');
  const correlationId = header('x-correlation-id');
  return {
    traceId,
    spanId: randomBytes(8).toString('hex'),
    flags: parent?.[3] ?? '00',
    tracestate: parent ? header('tracestate') : undefined,
    correlationId: correlationId && CORRELATION_ID.test(correlationId) ? correlationId : traceId,
  };
}

/** Headers for whatever is sent on behalf of the current work. */
export function contextHeaders(context = currentContext()): Record<string, string> {
  if (!context) return {};
  return {
    traceparent: `00-${context.traceId}-${context.spanId}-${context.flags}`,
    ...(context.tracestate && { tracestate: context.tracestate }),
    'x-correlation-id': context.correlationId,
  };
}

import { describe, expect, it } from '@jest/globals';
import { contextFrom, contextHeaders, currentContext, withContext } from './context.js';

const from = (headers: Record<string, string>) => contextFrom((name) => headers[name]);

describe('work context', () => {
  it('continues a trace in a span of its own', () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const work = from({
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      tracestate: 'a=1',
      'x-correlation-id': 'order-7',
    });
    expect(work).toMatchObject({ traceId, flags: '01', tracestate: 'a=1', correlationId: 'order-7' });
    expect(work.spanId).not.toBe('00f067aa0ba902b7');
    expect(contextHeaders(work)).toEqual({
      traceparent: `00-${traceId}-${work.spanId}-01`,
      tracestate: 'a=1',
      'x-correlation-id': 'order-7',
    });
  });

  it('starts one when the headers do not parse, and takes no line breaks', () => {
    const work = from({ traceparent: 'junk', tracestate: 'a=1', 'x-correlation-id': 'a\nb' });
    expect(work.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(work.tracestate).toBeUndefined();
    expect(work.correlationId).toBe(work.traceId);
  });

  it('is there during the work only, over awaits', async () => {
    const work = from({});
    await withContext(work, async () => {
      await Promise.resolve();
      expect(currentContext()).toBe(work);
    });
    expect(currentContext()).toBeUndefined();
    expect(contextHeaders()).toEqual({});
  });
});

import { describe, expect, it } from '@jest/globals';
import { requestId } from './request-id.js';

const ids = { ceId: 'ce', v2Id: 'v2', metadata: new Map([['x-request-id', ['h1', 'h2']]]) };

describe('request id', () => {
  it('comes from where the policy says', () => {
    expect(requestId('ce-id', ids)).toBe('ce');
    expect(requestId('v2-id', ids)).toBe('v2');
    expect(requestId('header:X-Request-Id', ids)).toBe('h1');
  });

  it('falls back to the logger’s own, so that leaving it out is no way around being examined', () => {
    const bare = { ceId: 'ce', metadata: new Map<string, string[]>() };
    expect(requestId('v2-id', bare)).toBe('ce');
    expect(requestId('header:X-Request-Id', bare)).toBe('ce');
    expect(requestId('header:X-Request-Id', { ...bare, metadata: new Map([['x-request-id', ['']]]) })).toBe('ce');
  });
});

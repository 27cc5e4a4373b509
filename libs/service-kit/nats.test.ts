import { describe, expect, it } from '@jest/globals';
import { connectionOptions } from './nats.js';

describe('a NATS URL', () => {
  it('may hold credentials and several servers', () => {
    expect(connectionOptions({ url: 'nats://127.0.0.1:4222' })).toEqual({ servers: ['nats://127.0.0.1:4222'] });
    expect(connectionOptions({ url: 'nats://trainer:p%40ss@a:4222, nats://b:4222' })).toEqual({
      servers: ['nats://a:4222', 'nats://b:4222'],
      user: 'trainer',
      pass: 'p@ss',
      inboxPrefix: '_INBOX.trainer',
    });
    expect(connectionOptions({ url: 'tls://secret@a:4222' })).toEqual({ servers: ['tls://a:4222'], token: 'secret' });
  });

  it('gives way to user and password beside it', () => {
    const access = { url: 'nats://someone:else@a:4222', user: 'trainer', password: 'p@ss' };
    expect(connectionOptions(access)).toEqual({
      servers: ['nats://a:4222'],
      user: 'trainer',
      pass: 'p@ss',
      inboxPrefix: '_INBOX.trainer',
    });
  });
});

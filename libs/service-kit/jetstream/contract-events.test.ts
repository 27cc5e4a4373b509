import { describe, expect, it } from '@jest/globals';
import type { CloudEvent } from '#contracts';
import { messagesOf } from './contract-events.js';

const event = (name: string) =>
  ({ id: '42', source: 'detector', type: `dev.antibody.${name}.v1`, subject: 'ml/fraud' }) as CloudEvent;

describe('messagesOf', () => {
  it('gives the subject of the model and an id that is the same each time', () => {
    expect(messagesOf(event('training.requested'))).toEqual([
      { subject: 'training.requested.ml.fraud', data: event('training.requested'), messageId: 'detector/42' },
    ]);
  });

  it('adds the bare copy under an id of its own', () => {
    const messages = messagesOf(event('attack.detected'));
    expect(messages.map(({ subject }) => subject)).toEqual(['attack.detected.ml.fraud', 'attack.detected']);
    expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(2);
  });
});

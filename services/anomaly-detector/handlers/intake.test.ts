import { describe, expect, it } from '@jest/globals';
import { take } from './intake.js';

describe('a message of the stream', () => {
  it('counts with its valid samples, by model; the others are kept with the reason', () => {
    const samples = [
      { model: 'a', correct: true },
      { model: 'a', correct: 'yes' },
      { model: 'b', namespace: 'ml', signals: { weird: 0.5 } },
      { correct: true, note: 'x'.repeat(5_000) },
    ];
    const { contents, invalid, dead } = take('accuracy.sample', { samples }, 7);
    expect(contents).toEqual([
      { of: { namespace: 'default', model: 'a' }, message: { kind: 'samples', samples: [samples[0]] } },
      { of: { namespace: 'ml', model: 'b' }, message: { kind: 'samples', samples: [samples[2]] } },
    ]);
    expect(invalid).toBe(2);
    expect(dead).toMatchObject([
      {
        subject: 'dlq.accuracy.sample',
        messageId: 'dlq:SAMPLES:detector:7',
        data: {
          reason: expect.stringContaining('"correct"'),
          invalid: [
            { index: 1, reason: expect.stringContaining('"correct"'), item: samples[1] },
            { index: 3, reason: expect.stringContaining('"model"') },
          ],
        },
        headers: { 'X-Dlq-Reason': expect.stringContaining('2 of 4'), 'X-Dlq-Subject': 'accuracy.sample' },
      },
    ]);
    expect(JSON.stringify(dead).length).toBeLessThan(4_000);
  });

  it('keeps the dead letter of a batch that is all wrong small', () => {
    const samples = Array.from({ length: 5000 }, () => ({ note: 'x'.repeat(150) }));
    const { contents, invalid, dead } = take('accuracy.sample.ml.m', samples, 1);
    expect([contents.length, invalid, dead.length]).toEqual([0, 5000, 1]);
    expect(JSON.stringify(dead).length).toBeLessThan(150_000);
  });
});

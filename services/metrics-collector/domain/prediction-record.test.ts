import { describe, expect, it } from '@jest/globals';
import { observe, type Finding, type PredictionRecord } from './prediction-record.js';

const member = {
  anomalyId: 'a1',
  revision: 'r1',
  group: 'g1',
  member: 0,
  tables: [
    { near: [1, 2], max: [3, 4] },
    { near: [5, 6], max: [7, 8] },
    { near: [9, 10], max: [11, 12] },
  ],
  labelDeadlineSeconds: 60,
};
const predicted = { class: 1, revision: 'r1', calibration: 'c1' };
const expected = { class: 2, revision: 'r1', calibration: 'c1' };

/** All findings of a sequence of news about one row. */
function findingsOf(...sequence: PredictionRecord[]): Finding[] {
  let record: PredictionRecord = {};
  return sequence.flatMap((news) => {
    const observation = observe(record, news);
    record = observation.record;
    return observation.findings;
  });
}

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, i) => permutations(items.filter((_, k) => k !== i)).map((rest) => [item, ...rest]));
}

describe('prediction record', () => {
  const parts: PredictionRecord[] = [{ predicted }, { expected }, { label: 2 }, { member }];

  it('tells the same, once, in any order and however often its parts are repeated', () => {
    const sorted = (findings: Finding[]) => findings.map((finding) => JSON.stringify(finding)).sort();
    const all = sorted(findingsOf(...parts));
    expect(all.map((finding) => (JSON.parse(finding) as Finding).kind).sort()).toEqual([
      'aim-label',
      'error',
      'mismatch',
    ]);
    for (const order of permutations(parts)) {
      expect(sorted(findingsOf(...order, ...order))).toEqual(all);
      expect(sorted(findingsOf(...order.flatMap((part) => [part, part])))).toEqual(all);
    }
  });

  it('compares the answer with the label and with the model file', () => {
    expect(findingsOf({ predicted }, { label: 1 })).toMatchObject([{ kind: 'error', value: 0, revision: 'r1' }]);
    expect(findingsOf({ predicted }, { label: 0 })).toMatchObject([{ kind: 'error', value: 1, calibration: 'c1' }]);
    expect(findingsOf({ expected }, { predicted })).toMatchObject([{ kind: 'mismatch', value: 1 }]);
    expect(findingsOf({ expected: { ...expected, class: 1 } }, { predicted })).toMatchObject([{ value: 0 }]);
  });

  it('says nothing of halves that two revisions logged under one id', () => {
    expect(findingsOf({ predicted }, { expected: { ...expected, revision: 'r2' } })).toEqual([]);
  });

  it('keeps the first of each part', () => {
    const { record } = observe({ predicted, label: 0 }, { predicted: { class: 7, revision: 'r9' }, label: 5 });
    expect(record).toEqual({ predicted, label: 0 });
    expect(findingsOf({ predicted }, { predicted: { class: 0, revision: 'r1' } }, { label: 1 })).toMatchObject([
      { kind: 'error', value: 0 },
    ]);
  });

  it('has no direction for a label outside the model’s classes', () => {
    expect(findingsOf({ predicted }, { member }, { label: 3 })).toMatchObject([{ kind: 'error', value: 1 }]);
  });
});

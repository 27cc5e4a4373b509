import type { CollectorParts } from '../app.module.js';

/** An examiner whose answers a test can work out by hand: the largest feature is the class, and 'squeeze' says that the last is over a half. */
export const plainExaminer = (): CollectorParts['examiner'] => ({
  examine: ({ members, x }) => {
    const width = x.length / members.length;
    const rows = members.map((_, i) => {
      const row = [...x.subarray(i * width, (i + 1) * width)];
      return { class: row.indexOf(Math.max(...row)), signals: { squeeze: row.at(-1)! > 0.5 ? 1 : 0 } };
    });
    return Promise.resolve({ rows, pairs: [], groups: [] });
  },
  close: () => Promise.resolve(),
});

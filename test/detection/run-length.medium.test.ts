import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { random } from '#adversarial';
import { DEFAULT_DETECTION } from '#contracts';
import { MODEL } from '#testbed';
import { examined, follow, type Request, type Watched } from '../bench/simulated-stream.js';
import { demoModel, firstRows, type DemoModel } from './demo-model.js';

/** Promised: N rows or more to a false alarm, on average. */
const N = 2000;
const STREAMS = 12;
const LONGEST = 5 * N;
const LABELS = { share: 0.5, delay: 40 };

describe('false alarms on clean streams of the demo’s rows that nobody has used', () => {
  let demo: DemoModel;
  let watched: Watched;
  let clean: Request[];
  beforeAll(async () => {
    demo = await demoModel();
    const { calibration, functions, unseen } = demo;
    const revisions = new Map([[MODEL.revision, { calibrationId: 'demo', calibration }]]);
    watched = {
      model: functions,
      calibration,
      protection: { detection: { ...DEFAULT_DETECTION, budget: N }, revisions },
    };
    clean = await examined(watched, unseen.x, unseen.y);
  }, 60_000);
  afterAll(() => demo.release());

  const alarmAt = async (rows: readonly Request[], seed: number): Promise<number | null> => {
    const stream = random(seed);
    const drawn = Array.from({ length: LONGEST }, () => rows[Math.floor(stream.next() * rows.length)]!);
    const end = await follow(watched, drawn, { labels: LABELS, random: random(seed + 1000).next, until: 'alarm' });
    return end.alarmAt;
  };

  it(`come once in ${N} rows or more`, async () => {
    const ends = [];
    for (let seed = 1; seed <= STREAMS; seed++) ends.push(await alarmAt(clean, seed));
    const rows = ends.reduce<number>((sum, at) => sum + (at === null ? LONGEST : at + 1), 0);
    const alarms = ends.filter((at) => at !== null).length;
    console.log(`${alarms} false alarms in ${rows} clean rows`);
    expect(rows).toBeGreaterThanOrEqual(alarms * N);
  }, 300_000);

  it('are not avoided by never raising one', async () => {
    const attacked = await demo.pgd(firstRows(demo.unseen, 300), 0.1);
    const at = await alarmAt(await examined(watched, attacked.x, attacked.y), 1);
    expect(at).not.toBeNull();
    expect(at).toBeLessThan(100);
  }, 60_000);
});

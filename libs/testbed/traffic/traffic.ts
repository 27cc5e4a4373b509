import { setTimeout as sleep } from 'node:timers/promises';
import { openInference, type Protocol } from '#serving';
import type { LateLabels } from './late-labels.js';
import type { RowSource, TrafficRow } from './rows.js';

export interface TrafficOptions {
  /** Base URL of the model server. */
  endpoint: string;
  model: string;
  /** Shape of one row. */
  dims: readonly number[];
  rows: RowSource;
  ratePerSecond: number;
  protocol?: Protocol;
  /** Request n has the id `<idPrefix>-<n>`. */
  idPrefix: string;
  labels?: LateLabels;
  onOutcome?: (outcome: Outcome) => void;
}

/** What became of one row. */
export interface Outcome {
  id: string;
  kind: TrafficRow['kind'];
  index: number;
  label: number;
  predicted: number;
  correct: boolean;
  revision?: string;
}

export interface TrafficCounts {
  sent: number;
  answered: number;
  failed: number;
  correct: number;
}

/** Requests of one row each, sent at a steady rate until it is stopped. */
export interface Traffic {
  readonly counts: Readonly<TrafficCounts>;
  /** From the next request on. */
  changeRows(rows: RowSource): void;
  /** From now on; with 0 nothing is sent until the rate changes again. */
  changeRate(perSecond: number): void;
  /** Resolves when so many requests have been answered or have failed, all in all. */
  until(requests: number): Promise<void>;
  /** Ends, and waits for the answers under way. */
  stop(): Promise<void>;
}

/** With as many under way, the server is slower than the rate: the next request waits for an answer. */
const MOST_UNDER_WAY = 32;
const POLL_MS = 10;
/** A change of the rate is noticed within this time. */
const LONGEST_PAUSE_MS = 100;

export function startTraffic(options: TrafficOptions): Traffic {
  const { idPrefix, protocol = 'v1', labels, onOutcome } = options;
  const client = openInference(options.endpoint, options.model, options);
  const counts: TrafficCounts = { sent: 0, answered: 0, failed: 0, correct: 0 };
  const stopped = new AbortController();
  const underWay = new Set<Promise<void>>();
  let { rows, ratePerSecond } = options;
  let next = performance.now();

  async function send(id: string, { x, label, kind, index }: TrafficRow): Promise<void> {
    try {
      const { classes, revision } = await client.infer({ protocol, rows: 1, x }, { ceId: id });
      const predicted = classes[0]!;
      const correct = predicted === label;
      counts.answered++;
      if (correct) counts.correct++;
      labels?.observe(id, label);
      onOutcome?.({ id, kind, index, label, predicted, correct, revision });
    } catch {
      counts.failed++; // a server that restarts: the next requests will tell
    }
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const pause = next - performance.now();
      if (pause > 0) {
        await sleep(Math.min(pause, LONGEST_PAUSE_MS), undefined, { signal: stopped.signal }).catch(() => undefined);
        continue;
      }
      if (underWay.size >= MOST_UNDER_WAY) await Promise.race(underWay);
      const request = send(`${idPrefix}-${counts.sent++}`, rows.next()).finally(() => underWay.delete(request));
      underWay.add(request);
      next = Math.max(next + 1000 / ratePerSecond, performance.now() - 1000); // time lost is not made up for
    }
    await Promise.all(underWay);
  }

  const done = run();
  return {
    counts,
    changeRows: (source) => (rows = source),
    changeRate(perSecond) {
      ratePerSecond = perSecond;
      next = performance.now() + 1000 / perSecond;
    },
    async until(requests) {
      while (counts.answered + counts.failed < requests && !stopped.signal.aborted) await sleep(POLL_MS);
    },
    async stop() {
      stopped.abort();
      await done;
    },
  };
}

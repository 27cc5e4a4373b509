import { Counter, Gauge, type Registry } from 'prom-client';

/** Why a logged event, or a row of it, could not be used. */
export type LossReason =
  | 'overflow'
  | 'too-large'
  | 'malformed'
  | 'empty'
  | 'not-inference'
  | 'unknown-model'
  | 'unknown-revision'
  | 'model-unavailable';

/** What can be said of a revision: its signals and labels, its labels only, or (for a file that cannot be used) labels only for now. */
export type Watch = 'signals' | 'labels-only' | 'failed';

export const COLLECTOR_METRICS = Symbol('COLLECTOR_METRICS');

export interface CollectorMetrics {
  event(half: 'request' | 'response'): void;
  lost(reason: LossReason, count?: number): void;
  rows(outcome: 'examined' | 'passed-over', count?: number): void;
  watch(revision: { namespace: string; model: string; revision: string }, watch: Watch): void;
}

/** Levels that are read when somebody asks. */
export interface Levels {
  queue: { readonly length: number; readonly bytes: number };
  outlets: { readonly lost: Record<string, number> };
}

export function collectorMetrics(registry: Registry): CollectorMetrics {
  const counter = (name: string, help: string, label: string) =>
    new Counter({ name: `antibody_collector_${name}`, help, labelNames: [label], registers: [registry] });
  const events = counter('events_total', 'Logged halves of requests that were read', 'half');
  const lost = counter(
    'lost_total',
    'Logged events (model-unavailable: rows) that could not be used, by reason',
    'reason',
  );
  const rows = counter(
    'rows_total',
    'Rows of logged requests: examined, or passed over by the limit per second',
    'outcome',
  );
  const watched = new Gauge({
    name: 'antibody_collector_watched',
    help: 'How each revision is watched: 1 at its present way',
    labelNames: ['namespace', 'model', 'revision', 'watch'],
    registers: [registry],
  });
  return {
    event: (half) => events.inc({ half }),
    lost: (reason, count = 1) => lost.inc({ reason }, count),
    rows: (outcome, count = 1) => rows.inc({ outcome }, count),
    watch(revision, watch) {
      for (const way of ['signals', 'labels-only', 'failed'] as const) {
        if (way === watch) watched.set({ ...revision, watch: way }, 1);
        else watched.remove({ ...revision, watch: way });
      }
    },
  };
}

export function registerLevels(registry: Registry, { queue, outlets }: Levels): void {
  const level = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `antibody_collector_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  level('queue_events', 'Logged events that wait to be read', () => queue.length);
  level('queue_bytes', 'Size of the logged events that wait to be read', () => queue.bytes);
  new Gauge({
    name: 'antibody_collector_undelivered',
    help: 'Given up since the start because the bus or Redis stood still',
    labelNames: ['what'],
    registers: [registry],
    collect() {
      for (const [what, count] of Object.entries(outlets.lost)) this.set({ what }, count);
    },
  });
}

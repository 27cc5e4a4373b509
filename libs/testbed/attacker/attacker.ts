import { setTimeout as sleep } from 'node:timers/promises';
import type { Dataset, ThreatModel } from '#adversarial';
import { modelRepository } from '#serving';
import { someChanged, type RowSource } from '../traffic/rows.js';
import { adversarialRows, type AttackKind } from './adversarial-rows.js';

export interface AttackerOptions {
  /** Base URL of the model server under attack. */
  endpoint: string;
  model: string;
  data: Dataset;
  attack: AttackKind;
  threat: ThreatModel;
  /** Share of the rows that are attacked. */
  fraction: number;
  seed: number;
  /** How often it looks which model is serving. */
  pollMs?: number;
}

/** What the attacker aims at. */
export interface Target {
  revision: string;
  uri: string;
}

/** Knows everything, as a worst case should: reads the file of the model that serves most, and follows when that changes. */
export interface Attacker {
  readonly target: Target;
  /** Rows of `source` (over the attacker's dataset), a share of them attacked. */
  rows(source: RowSource): RowSource;
  stop(): Promise<void>;
}

/** Resolves when the first rows are ready; later ones are computed in the background and replace them. */
export async function startAttacker(options: AttackerOptions): Promise<Attacker> {
  const { data, fraction, seed, pollMs = 1_000 } = options;
  const features = data.x.length / data.n;
  const stopped = new AbortController();
  let target = await servingMost(options);
  if (!target) throw new Error(`no revision of ${options.model} at ${options.endpoint} has traffic: nothing to attack`);
  let pool = await attacked(target);

  function attacked({ uri }: Target): Promise<Float32Array> {
    return adversarialRows(uri, data, options.attack, options.threat, seed);
  }

  async function follow(): Promise<void> {
    while (!stopped.signal.aborted) {
      await sleep(pollMs, undefined, { signal: stopped.signal }).catch(() => undefined);
      // A server that restarts, or a file that cannot be attacked: go on with what there is.
      const now = await servingMost(options).catch(() => undefined);
      if (!now || stopped.signal.aborted || now.uri === target!.uri) continue;
      const fresh = await attacked(now).catch(() => undefined);
      if (fresh) [pool, target] = [fresh, now];
    }
  }
  const following = follow();

  return {
    get target() {
      return target!;
    },
    rows: (source) =>
      someChanged(source, { fraction, seed }, (row) => ({
        ...row,
        x: pool.subarray(row.index * features, (row.index + 1) * features),
        kind: 'attack',
      })),
    async stop() {
      stopped.abort();
      await following;
    },
  };
}

async function servingMost({ endpoint, model }: AttackerOptions): Promise<Target | undefined> {
  const repository = modelRepository(endpoint, model);
  const [entries, traffic] = await Promise.all([repository.index(), repository.traffic()]);
  const [most] = Object.entries(traffic).sort(([, a], [, b]) => b - a);
  const uri = entries.find(({ version }) => version === most?.[0])?.uri;
  return most && uri ? { revision: most[0], uri } : undefined;
}

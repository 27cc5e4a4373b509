import type { Dataset } from '#artifacts';
import { startAttacker, type Attacker } from '../attacker/attacker.js';
import { lateLabels } from '../traffic/late-labels.js';
import { shuffledRows, type RowSource } from '../traffic/rows.js';
import { startTraffic, type Outcome, type Traffic } from '../traffic/traffic.js';

export const ID_PREFIX = 'request';
export const REQUESTS_PER_SECOND = 40;
/** Half of the true labels become known, a second later. */
const LABEL_SHARE = 0.5;
const LABEL_DELAY_MS = 1_000;

/** Everybody who talks to the model: ordinary clients, and whoever attacks. */
export interface Clients {
  traffic: Traffic;
  /** Every answered request, in the order of the answers. */
  outcomes: Outcome[];
  /** From now on the traffic is attacked. Resolves with the number of the first request that may be. */
  attack(options: { name: 'fgsm' | 'pgd'; eps: number; fraction: number }): Promise<number>;
  /** From now on the rows come from elsewhere (drift), or are clean again. */
  send(change?: (rows: RowSource) => RowSource): number;
  stop(): Promise<void>;
}

export interface ClientsOptions {
  predictorUrl: string;
  collectorUrl: string;
  namespace: string;
  model: string;
  data: Dataset;
  seed: number;
}

export function startClients({ predictorUrl, collectorUrl, namespace, model, data, seed }: ClientsOptions): Clients {
  const outcomes: Outcome[] = [];
  const labels = lateLabels({ collectorUrl, namespace, model, share: LABEL_SHARE, delayMs: LABEL_DELAY_MS, seed });
  const clean = () => shuffledRows(data, seed);
  const traffic = startTraffic({
    endpoint: predictorUrl,
    model,
    dims: data.dims,
    rows: clean(),
    ratePerSecond: REQUESTS_PER_SECOND,
    idPrefix: ID_PREFIX,
    labels,
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  let attacker: Attacker | undefined;
  const change = (rows: RowSource) => {
    traffic.changeRows(rows);
    return traffic.counts.sent;
  };
  return {
    traffic,
    outcomes,
    async attack({ name, eps, fraction }) {
      attacker = await startAttacker({
        endpoint: predictorUrl,
        model,
        data,
        attack: name === 'pgd' ? { name, steps: 10 } : { name },
        threat: { norm: 'linf', epsilon: eps, range: [0, 1] },
        fraction,
        seed,
      });
      return change(attacker.rows(clean()));
    },
    send: (drift) => change(drift ? drift(clean()) : clean()),
    async stop() {
      await attacker?.stop();
      await traffic.stop();
      labels.stop();
    },
  };
}

/** The number of a request, from its id. */
export const numberOf = (id: string): number => Number(id.slice(ID_PREFIX.length + 1));

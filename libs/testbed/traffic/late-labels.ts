import { random } from '#adversarial';

export interface LateLabelsOptions {
  /** Base URL of the collector. */
  collectorUrl: string;
  token?: string;
  namespace: string;
  model: string;
  /** Share of the requests whose label becomes known at all. */
  share: number;
  delayMs: number;
  seed: number;
}

/** Labels that become known after a while, posted to the collector in batches. */
export interface LateLabels {
  /** A request was answered; its label may follow. */
  observe(id: string, label: number): void;
  readonly counts: Readonly<{ posted: number; dropped: number }>;
  /** Posts what is waiting, due or not. */
  flush(): Promise<void>;
  stop(): void;
}

interface Waiting {
  due: number;
  label: { namespace: string; model: string; id: string; row: number; label: number };
}

const TICK_MS = 200;
const BATCH = 500;
const MOST_WAITING = 100_000;
const TIMEOUT_MS = 5_000;

export function lateLabels(options: LateLabelsOptions): LateLabels {
  const { namespace, model, share, delayMs } = options;
  const stream = random(options.seed);
  const counts = { posted: 0, dropped: 0 };
  let waiting: Waiting[] = []; // in the order of `due`
  let posting: Promise<void> = Promise.resolve();
  let underWay = 0;

  async function postDue(now: number): Promise<void> {
    while (waiting.length > 0 && waiting[0]!.due <= now) {
      const batch = waiting.slice(0, BATCH).filter(({ due }) => due <= now);
      if (!(await post(options, batch))) return; // the next tick tries again: the same label twice is the same label
      waiting = waiting.slice(batch.length);
      counts.posted += batch.length;
    }
  }
  function enqueue(now: number): Promise<void> {
    underWay++;
    return (posting = posting.then(() => postDue(now)).finally(() => underWay--));
  }
  const timer = setInterval(() => underWay || void enqueue(Date.now()), TICK_MS);
  timer.unref();

  return {
    counts,
    observe(id, label) {
      if (stream.next() >= share) return;
      if (waiting.length >= MOST_WAITING) {
        counts.dropped++;
        return;
      }
      waiting.push({ due: Date.now() + delayMs, label: { namespace, model, id, row: 0, label } });
    },
    flush: () => enqueue(Infinity),
    stop: () => clearInterval(timer),
  };
}

async function post({ collectorUrl, token }: LateLabelsOptions, batch: Waiting[]): Promise<boolean> {
  try {
    const response = await fetch(`${collectorUrl.replace(/\/+$/, '')}/v1/labels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ labels: batch.map(({ label }) => label) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

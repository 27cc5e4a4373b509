import { Agent, request } from 'node:http';
import { loggerPost, type LoggerEvent } from '#serving';

/**
 * Sends both halves of every inference to the collector as KServe's agent does: one post each, five at a time, at most once,
 * never in the way of inference. What finds the queue full, no listener, or another answer than 2xx is lost, and counted.
 */
export interface PayloadLog {
  send(url: string, event: LoggerEvent): void;
  readonly counts: Readonly<PayloadCounts>;
  /** Gives what is queued a moment to go, then stops. */
  close(): Promise<void>;
}

export interface PayloadCounts {
  sent: number;
  lostQueueFull: number;
  lostUndelivered: number;
}

const QUEUE = 100;
const WORKERS = 5;
const TIMEOUT_MS = 10_000;
const CLOSE_MS = 2_000;

export function payloadLog(): PayloadLog {
  const agent = new Agent({ keepAlive: true, maxSockets: WORKERS });
  const counts: PayloadCounts = { sent: 0, lostQueueFull: 0, lostUndelivered: 0 };
  const queue: { url: string; event: LoggerEvent }[] = [];
  let working = 0;
  let idle: () => void = () => undefined;

  function work(): void {
    while (working < WORKERS && queue.length > 0) {
      const { url, event } = queue.shift()!;
      working++;
      void post(url, event, agent).then((delivered) => {
        counts[delivered ? 'sent' : 'lostUndelivered']++;
        working--;
        work();
        if (working === 0) idle();
      });
    }
  }

  return {
    counts,
    send(url, event) {
      if (queue.length >= QUEUE) {
        counts.lostQueueFull++;
        return;
      }
      queue.push({ url, event });
      work();
    },
    async close() {
      const drained = new Promise<void>((resolve) => (idle = resolve));
      if (working > 0) await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
      counts.lostQueueFull += queue.splice(0).length;
      agent.destroy();
    },
  };
}

/** True when the collector took it. */
const post = (url: string, event: LoggerEvent, agent: Agent): Promise<boolean> =>
  new Promise((resolve) => {
    const { headers, body } = loggerPost(event);
    const outgoing = request(url, { method: 'POST', agent, headers, timeout: TIMEOUT_MS }, (response) => {
      response.resume(); // unread answers keep the connection busy
      response.once('end', () => resolve(response.statusCode! >= 200 && response.statusCode! < 300));
      response.once('error', () => resolve(false));
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.once('error', () => resolve(false));
    outgoing.end(body);
  });

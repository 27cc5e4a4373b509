import { Agent, request } from 'node:http';
import { encodeRequest, loggerPost, type LoggedHalf, type LoggerPost } from '#serving';
import { MODEL, type Prepared } from '#testbed';

/** As many as KServe's agent keeps busy. */
const CONNECTIONS = 5;
/** Different bodies; each is encoded once. */
const BODIES = 200;

export interface PayloadLogger {
  readonly connections: number;
  /** Posts both halves of so many inferences and waits for the answers. */
  log(model: string, inferences: number): Promise<void>;
  close(): void;
}

/** Posts to a collector as KServe's agent does, one event after the other on each connection. */
export function payloadLogger(collectorUrl: string, { x, y, n, dims }: Prepared['traffic']): PayloadLogger {
  const features = x.length / n;
  const bodies = Array.from({ length: Math.min(BODIES, n) }, (_, i) => {
    const row = x.subarray(i * features, (i + 1) * features);
    return {
      request: Buffer.from(encodeRequest({ protocol: 'v1', rows: 1, x: row }, { dims })),
      response: Buffer.from(JSON.stringify({ predictions: [y[i]] })),
    };
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let ids = 0;
  return {
    connections: CONNECTIONS,
    async log(model, inferences) {
      const url = `${collectorUrl}/v1/ingest/${MODEL.namespace}/${model}?revision=${MODEL.revision}`;
      let left = inferences;
      const connection = async () => {
        while (left-- > 0) {
          const id = `bench-${++ids}`;
          const body = bodies[ids % bodies.length]!;
          for (const half of ['request', 'response'] as const) await post(url, agent, eventOf(half, id, body[half]));
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, connection));
    },
    close: () => agent.destroy(),
  };
}

const eventOf = (half: LoggedHalf, id: string, body: Uint8Array): LoggerPost =>
  loggerPost({ half, id, metadata: new Map(), contentType: 'application/json', body });

const post = (url: string, agent: Agent, { headers, body }: LoggerPost): Promise<void> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`the collector answered ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });

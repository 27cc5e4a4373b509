import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AnswerError } from './answer-error.js';
import { payloadLog, type PayloadCounts } from './payload-log.js';
import { Repository } from './repository.js';
import { predictorRoutes, type Incoming, type Outgoing } from './routes.js';
import { stateFile } from './state-file.js';

export interface PredictorOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** Folder that keeps revisions and traffic over a restart. */
  stateDir: string;
  namespace: string;
  /** Base URL of the collector that gets the payloads; nothing is logged without it. */
  collectorUrl?: string;
  loggedHeaders?: readonly string[];
  /** Serves all traffic from the start, unless the state already knows the model. */
  first?: { model: string; revision: string; uri: string };
  random: () => number;
  clock: () => Date;
}

export interface Predictor {
  url: string;
  payloads: Readonly<PayloadCounts>;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;

export async function startPredictor(options: PredictorOptions): Promise<Predictor> {
  const repository = await Repository.open(stateFile(options.stateDir));
  if (options.first) await serveFirst(repository, options.first);
  const log = payloadLog();
  const answer = predictorRoutes({
    repository,
    log,
    collectorUrl: options.collectorUrl?.replace(/\/+$/, ''),
    namespace: options.namespace,
    loggedHeaders: (options.loggedHeaders ?? []).map((name) => name.toLowerCase()),
    random: options.random,
    clock: options.clock,
  });
  const server = createServer((request, response) => {
    void respond(request, response, answer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve);
  });
  return {
    url: `http://${options.host}:${(server.address() as AddressInfo).port}`,
    payloads: log.counts,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeIdleConnections();
      });
      await log.close();
      await repository.close();
    },
  };
}

async function serveFirst(repository: Repository, first: NonNullable<PredictorOptions['first']>): Promise<void> {
  const { model, revision, uri } = first;
  const known = repository.names().includes(model) && Object.keys(repository.traffic(model)).length > 0;
  if (known) return;
  await repository.load(model, revision, uri);
  await repository.settled();
  const entry = repository.index().find(({ name, version }) => name === model && version === revision);
  if (entry?.state !== 'READY') throw new Error(`${uri} cannot be served: ${entry?.reason}`);
  await repository.setTraffic(model, { [revision]: 100 });
}

type Answer = (request: Incoming) => Promise<Outgoing>;

async function respond(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  try {
    const { body, headers } = await answer({
      method: request.method ?? 'GET',
      path: new URL(request.url ?? '/', 'http://predictor').pathname,
      headers: request.headers as Record<string, string | undefined>,
      body: await bodyOf(request),
    });
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
  } catch (error) {
    const status = error instanceof AnswerError ? error.status : 500;
    const message = (error as Error).message;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: message }));
    request.resume();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new AnswerError(413, `the body must not have more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

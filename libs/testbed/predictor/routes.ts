import { randomUUID } from 'node:crypto';
import { encodeResponse, PayloadError, requestRows, type LoggedHalf, type LoggerEvent } from '#serving';
import { AnswerError } from './answer-error.js';
import type { PayloadLog } from './payload-log.js';
import type { Repository } from './repository.js';

export interface Incoming {
  method: string;
  path: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  body: Uint8Array;
}

export interface Outgoing {
  headers?: Record<string, string>;
  body: string;
}

export interface PredictorParts {
  repository: Repository;
  log: PayloadLog;
  /** Base URL of the collector; nothing is logged without it. */
  collectorUrl?: string;
  namespace: string;
  /** Request headers whose values go along with the logged halves, in lower case. */
  loggedHeaders: readonly string[];
  random: () => number;
  clock: () => Date;
}

type Handler = (match: Record<string, string | undefined>, request: Incoming) => Outgoing | Promise<Outgoing>;

const json = (value: unknown): Outgoing => ({ body: JSON.stringify(value) });
const NAME = '[A-Za-z0-9._-]{1,128}';
const MODEL = `(?<model>${NAME})`;
const VERSION = `(?:/versions/(?<version>${NAME}))?`;

/** V1, V2 (Open Inference Protocol) and its model repository extension, with a traffic split that is our own. */
export function predictorRoutes(parts: PredictorParts): (request: Incoming) => Promise<Outgoing> {
  const { repository, log } = parts;

  const infer: Handler = async ({ model = '', version }, request) => {
    const { revision, file } = repository.serving(model, parts.random(), version);
    const id = request.headers['ce-id'] || randomUUID();
    const logHalf = (half: LoggedHalf, body: Uint8Array) => {
      if (!parts.collectorUrl) return;
      const url = `${parts.collectorUrl}/v1/ingest/${parts.namespace}/${model}?revision=${revision}`;
      log.send(url, loggedEvent(parts, request, model, { half, id, body }));
    };
    logHalf('request', request.body); // also when it cannot be answered, as the agent does
    const rows = requestRows(request.body, file.input);
    if (!rows) throw new AnswerError(400, 'the body must be JSON with "instances" (V1) or "inputs" (V2)');
    const scores = await file.run(rows.x, rows.rows);
    const answer = { protocol: rows.protocol, id: rows.id, model, version: revision, tensor: file.output.name };
    const body = encodeResponse({ ...answer, ...scores });
    logHalf('response', Buffer.from(body));
    return { body, headers: { 'x-revision': revision } };
  };

  const metadata: Handler = ({ model = '', version }) => {
    const { file } = repository.serving(model, 0, version);
    const versions = repository.index().filter(({ name }) => name === model);
    return json({
      name: model,
      versions: versions.map((entry) => entry.version),
      platform: 'onnx_onnxv1',
      inputs: [{ name: file.input.name, datatype: 'FP32', shape: [-1, ...file.input.dims] }],
      outputs: [{ name: file.output.name, datatype: 'FP32', shape: [-1, -1] }],
    });
  };

  const ready: Handler = ({ model = '', version }) => {
    repository.serving(model, 0, version);
    return json({ name: model, ready: true });
  };

  const routes: [string, RegExp, Handler][] = [
    ['POST', path(`/v1/models/${MODEL}:predict`), infer],
    ['POST', path(`/v2/models/${MODEL}${VERSION}/infer`), infer],
    ['GET', path('/v1/models'), () => json({ models: repository.names() })],
    ['GET', path('/v2/health/live'), () => json({ live: true })],
    ['GET', path('/v2/health/ready'), () => json({ ready: true })],
    ['GET', path(`/v2/models/${MODEL}${VERSION}/ready`), ready],
    ['GET', path(`/v1/models/${MODEL}`), ready],
    ['GET', path(`/v2/models/${MODEL}${VERSION}`), metadata],
    ['GET', path('/v2'), () => json({ name: 'antibody-testbed', version: '1', extensions: ['model_repository'] })],
    ['POST', path('/v2/repository/index'), () => json(repository.index())],
    [
      'POST',
      path(`/v2/repository/models/${MODEL}/load`),
      async ({ model = '' }, request) => {
        const parameters = parametersOf(request);
        await repository.load(model, nameIn(parameters, 'revision'), stringIn(parameters, 'model_uri'));
        return json({});
      },
    ],
    [
      'POST',
      path(`/v2/repository/models/${MODEL}/unload`),
      async ({ model = '' }, request) => {
        await repository.unload(model, nameIn(parametersOf(request), 'revision'));
        return json({});
      },
    ],
    ['GET', path(`/v2/repository/models/${MODEL}/traffic`), ({ model = '' }) => json(repository.traffic(model))],
    [
      'POST',
      path(`/v2/repository/models/${MODEL}/traffic`),
      async ({ model = '' }, request) => {
        await repository.setTraffic(model, jsonBody(request));
        return json(repository.traffic(model));
      },
    ],
    ['GET', path('/metrics'), () => ({ body: metrics(log), headers: { 'content-type': 'text/plain; version=0.0.4' } })],
  ];

  return async (request) => {
    const matching = routes.filter(([, pattern]) => pattern.test(request.path));
    if (matching.length === 0) throw new AnswerError(404, `nothing is served at ${request.path}`);
    const route = matching.find(([method]) => method === request.method);
    if (!route) throw new AnswerError(405, `${request.path} does not take ${request.method}`);
    try {
      return await route[2](route[1].exec(request.path)?.groups ?? {}, request);
    } catch (error) {
      throw error instanceof PayloadError ? new AnswerError(400, error.message) : error;
    }
  };
}

const path = (pattern: string) => new RegExp(`^${pattern}$`);

function loggedEvent(
  { namespace, loggedHeaders, clock }: PredictorParts,
  { headers }: Incoming,
  inferenceService: string,
  half: Pick<LoggerEvent, 'half' | 'id' | 'body'>,
): LoggerEvent {
  const passedOn = loggedHeaders.flatMap((name) => (headers[name] ? [[name, [headers[name]]] as const] : []));
  return {
    ...half,
    time: clock().toISOString(),
    namespace,
    inferenceService,
    contentType: headers['content-type'], // of the request, for both halves
    metadata: new Map(passedOn),
  };
}

function jsonBody({ body }: Incoming): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    throw new AnswerError(400, 'the body must be JSON');
  }
}

function parametersOf(request: Incoming): Record<string, unknown> {
  const body = jsonBody(request) as { parameters?: Record<string, unknown> } | null;
  return body?.parameters ?? {};
}

function stringIn(parameters: Record<string, unknown>, name: string): string {
  const value = parameters[name];
  if (typeof value !== 'string' || !value) throw new AnswerError(400, `parameters.${name} must be a string`);
  return value;
}

function nameIn(parameters: Record<string, unknown>, name: string): string {
  const value = stringIn(parameters, name);
  if (!path(NAME).test(value)) throw new AnswerError(400, `parameters.${name} must match ${NAME}`);
  return value;
}

const metrics = ({ counts }: PayloadLog) =>
  [
    `payload_log_sent_total ${counts.sent}`,
    `payload_log_lost_total{reason="queue-full"} ${counts.lostQueueFull}`,
    `payload_log_lost_total{reason="undelivered"} ${counts.lostUndelivered}`,
    '',
  ].join('\n');

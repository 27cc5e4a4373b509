import { STATUS_CODES } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LoggedPost } from '../adapters/logged-half.js';
import type { CollectorMetrics } from '../adapters/metrics.js';

export interface IngestOptions {
  offer: (post: LoggedPost) => 'taken' | 'full' | 'closing';
  metrics: CollectorMetrics;
  maxBodyBytes: number;
  /** Milliseconds. */
  now: () => number;
}

type Http = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;
interface Route {
  Params: { namespace: string; model: string };
  Querystring: { revision?: unknown };
}
interface Reply {
  code(status: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): unknown;
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * The sink of KServe's payload logger. Outside of Nest, for bodies must stay bytes whatever their content type claims. The answer is an
 * empty 200, also for what is shed or makes no sense: the agent never tries again, and only an empty answer keeps its connection
 * open. An error tells an operator that the logger's URL is wrong.
 */
export function registerIngest(http: Http, { offer, metrics, maxBodyBytes, now }: IngestOptions): void {
  http.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxBodyBytes }, (_request, body, parsed) =>
      parsed(null, body),
    );
    scope.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) => {
      const status = error.statusCode ?? 500;
      metrics.lost(status === 413 ? 'too-large' : 'malformed');
      return problem(reply, status, error.message);
    });
    scope.post<Route>('/v1/ingest/:namespace/:model', (request, reply) => {
      const { namespace, model } = request.params;
      const { revision } = request.query;
      for (const [field, value] of Object.entries({ namespace, model, revision })) {
        if (typeof value === 'string' && NAME.test(value)) continue;
        const [status, where] = field === 'revision' ? [400, '?revision='] : [404, 'the path'];
        return problem(reply, status, `the logger's URL needs a DNS label as ${field} in ${where}`, field);
      }
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const taken = offer({
        model: { namespace, model },
        revision: revision as string,
        headers: kept(request.headers),
        body,
        at: now(),
      });
      return taken === 'closing' ? problem(reply, 503, 'shutting down') : reply.code(200).send();
    });
    done();
  });
}

/** Only what the reader needs: posts wait in memory. */
function kept(headers: LoggedPost['headers']): LoggedPost['headers'] {
  const names = ['ce-type', 'ce-id', 'ce-metadata', 'content-type'] as const;
  return Object.fromEntries(names.map((name) => [name, headers[name]]));
}

const problem = (reply: Reply, status: number, detail: string, field?: string) =>
  reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .send({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, ...(field && { field }) });

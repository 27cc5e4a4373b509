import { ModelServerError } from './errors.js';
import { call, jsonOf } from './http.js';

export interface RepositoryEntry {
  name: string;
  /** Revision of the model. */
  version: string;
  state: 'LOADING' | 'READY' | 'UNAVAILABLE';
  /** Why it is unavailable. */
  reason?: string;
  /** Where its file was loaded from, if the server says so. */
  uri?: string;
  /** Of the bytes that it loaded, if the server says so. */
  sha256?: string;
}

/**
 * The Open Inference Protocol's model repository extension for one model, with revisions as versions, and the traffic split
 * between them. The protocol has no split; `GET` and `POST /v2/repository/models/{m}/traffic` with `{revision: percent}` is the
 * local predictor's.
 */
export interface ModelRepository {
  index(): Promise<RepositoryEntry[]>;
  /** Starts to load a revision: it takes no traffic. Loading one that is there from the same file changes nothing. */
  load(revision: string, uri: string): Promise<void>;
  /** Refused by the server while the revision has traffic. Unloading one that is not there changes nothing. */
  unload(revision: string): Promise<void>;
  traffic(): Promise<Record<string, number>>;
  /** Percentages of loaded, ready revisions; they add up to 100. */
  setTraffic(split: Record<string, number>): Promise<void>;
}

export function modelRepository(endpoint: string, model: string, timeoutMs = 10_000): ModelRepository {
  const root = `${endpoint.replace(/\/+$/, '')}/v2/repository`;
  const post = (path: string, body: unknown) =>
    call(root + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs,
    });

  return {
    async index() {
      const url = `${root}/index`;
      const entries = jsonOf(url, await post('/index', {}));
      if (!Array.isArray(entries)) throw new ModelServerError(url, 200, 'answered with something else than an array');
      return (entries as RepositoryEntry[]).filter(({ name }) => name === model);
    },
    async load(revision, uri) {
      await post(`/models/${model}/load`, { parameters: { revision, model_uri: uri } });
    },
    async unload(revision) {
      await post(`/models/${model}/unload`, { parameters: { revision } });
    },
    async traffic() {
      const url = `${root}/models/${model}/traffic`;
      return jsonOf(url, await call(url, { timeoutMs })) as Record<string, number>;
    },
    async setTraffic(split) {
      await post(`/models/${model}/traffic`, split);
    },
  };
}

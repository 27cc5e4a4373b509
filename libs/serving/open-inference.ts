import { call, jsonOf } from './http.js';
import { ModelServerError } from './errors.js';
import { encodeRequest } from './payload/encode-request.js';
import type { InferenceRows, RowShape } from './payload/request.js';
import { responseClasses } from './payload/response.js';

export interface Inference {
  /** Predicted class of each row. */
  classes: Int32Array;
  /** Which revision answered, where the server says so in `x-revision`. */
  revision?: string;
}

export interface OpenInferenceClient {
  /** `ceId` becomes the `Ce-Id` header: the id under which KServe's agent logs this request. */
  infer(request: InferenceRows, options?: { ceId?: string; headers?: Record<string, string> }): Promise<Inference>;
}

const TIMEOUT_MS = 10_000;

/** Client of one model behind the V1 or V2 (Open Inference Protocol) REST interface; the request says which. */
export function openInference(endpoint: string, model: string, inputs: RowShape): OpenInferenceClient {
  const base = endpoint.replace(/\/+$/, '');
  let tensor: Promise<string> | undefined;

  /** The server's name of the model's input, asked once. */
  async function tensorName(): Promise<string> {
    const url = `${base}/v2/models/${model}`;
    const metadata = jsonOf(url, await call(url, { timeoutMs: TIMEOUT_MS })) as { inputs?: { name?: unknown }[] };
    const name = metadata.inputs?.[0]?.name;
    if (typeof name !== 'string') throw new ModelServerError(url, 200, 'does not name the inputs of the model');
    return name;
  }

  async function bodyOf(request: InferenceRows): Promise<string> {
    if (request.protocol === 'v1') return encodeRequest(request, inputs);
    tensor ??= tensorName().catch((error: unknown) => {
      tensor = undefined;
      throw error;
    });
    return encodeRequest(request, inputs, await tensor);
  }

  return {
    async infer(request, { ceId, headers } = {}) {
      const url = request.protocol === 'v1' ? `${base}/v1/models/${model}:predict` : `${base}/v2/models/${model}/infer`;
      const answer = await call(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(ceId && { 'ce-id': ceId }), ...headers },
        body: await bodyOf(request),
        timeoutMs: TIMEOUT_MS,
      });
      const result = responseClasses(answer.bytes);
      if (!result) throw new ModelServerError(url, 200, 'answered with no predictions or outputs');
      return { classes: result.classes, revision: answer.headers.get('x-revision') ?? undefined };
    },
  };
}

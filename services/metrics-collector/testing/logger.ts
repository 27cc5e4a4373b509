import { encodeRequest, loggerPost, type LoggedHalf } from '#serving';

function post(half: LoggedHalf, id: string, body: string) {
  const event = { half, id, metadata: new Map(), contentType: 'application/json', body: Buffer.from(body) };
  return loggerPost(event);
}

/** Sends one half of a logged request the way KServe's agent does. */
const send = (url: string, path: string, { headers, body }: ReturnType<typeof post>): Promise<Response> =>
  fetch(`${url}/v1/ingest/${path}`, {
    method: 'POST',
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'Content-Length')),
    body: Buffer.from(body),
  });

export const logRequest = (
  url: string,
  path: string,
  id: string,
  rows: ArrayLike<number>[],
  dims = [rows[0]!.length],
): Promise<Response> =>
  send(
    url,
    path,
    post(
      'request',
      id,
      encodeRequest(
        { protocol: 'v2', id, rows: rows.length, x: Float32Array.from(rows.flatMap((row) => Array.from(row))) },
        { dims },
      ),
    ),
  );

export const logResponse = (url: string, path: string, id: string, classes: number[]): Promise<Response> =>
  send(url, path, post('response', id, JSON.stringify({ predictions: classes })));

export const logBytes = (url: string, path: string, half: LoggedHalf, id: string, body: string): Promise<Response> =>
  send(url, path, post(half, id, body));

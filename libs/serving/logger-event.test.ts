import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { PayloadError } from './errors.js';
import { loggerPost, parseLoggerEvent, type LoggerEvent } from './logger-event.js';

/** What sdk-go 2.15.2 wrote on the wire when called as KServe 0.20's agent calls it. */
const WIRE = `User-Agent: Go-http-client/1.1
Content-Length: 96
Ce-Component: predictor
Ce-Endpoint:${' '}
Ce-Id: 0009174a-24a8-4603-b098-09c8799950e9
Ce-Inferenceservicename: fraud
Ce-Metadata: {"X-User-Id":["u-1","u\\u003c2\\u003e"]}
Ce-Namespace: ml
Ce-Recordedtime: 2026-11-23T03:40:13.121160078Z
Ce-Source: http://localhost:9081/
Ce-Specversion: 1.0
Ce-Time: 2026-11-23T03:40:13.121160078Z
Ce-Type: org.kubeflow.serving.inference.request
Content-Type: application/json
Accept-Encoding: gzip`;
const BODY = Buffer.from(
  '{"id":"42","inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[6.8,2.8,4.8,1.4]}]}',
);

const event: LoggerEvent = {
  half: 'request',
  id: '0009174a-24a8-4603-b098-09c8799950e9',
  time: '2026-11-23T03:40:13.121160078Z',
  namespace: 'ml',
  inferenceService: 'fraud',
  component: 'predictor',
  metadata: new Map([['x-user-id', ['u-1', 'u<2>']]]),
  contentType: 'application/json',
  body: BODY,
};

const asReceived = (text: string) =>
  Object.fromEntries(
    text.split('\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
const asSent = (headers: Record<string, string>) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
const fieldOf = (headers: Record<string, string>, body: Uint8Array = BODY) => {
  try {
    parseLoggerEvent({ ...asReceived(WIRE), ...headers }, body);
  } catch (error) {
    return (error as PayloadError).field;
  }
  return 'accepted';
};

describe('KServe logger events', () => {
  it('are read from what the agent writes', () => {
    expect(parseLoggerEvent(asReceived(WIRE), BODY)).toEqual(event);
  });

  it('are written as the agent writes them, header by header', () => {
    const post = loggerPost(event);
    expect(asSent(post.headers)).toBe(WIRE);
    expect(post.body).toBe(BODY);
  });

  it.each(['{}', 'null', ''])('have no metadata when the header says %j', (header) => {
    expect(parseLoggerEvent({ ...asReceived(WIRE), 'ce-metadata': header }, BODY).metadata.size).toBe(0);
  });

  it('keep text beyond ASCII, which travels as UTF-8 bytes', () => {
    const { headers } = loggerPost({ ...event, id: 'čas', metadata: new Map([['x-user', ['Žižka']]]) });
    const received = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const parsed = parseLoggerEvent(received, BODY);
    expect([parsed.id, parsed.metadata.get('x-user')]).toEqual(['čas', ['Žižka']]);
  });

  it('inflate a compressed answer, which is logged without its Content-Encoding', () => {
    const parsed = parseLoggerEvent(asReceived(WIRE), gzipSync(BODY));
    expect(Buffer.from(parsed.body).toString()).toBe(BODY.toString());
  });

  it('of health checks have an empty body and no content type', () => {
    const headers = { ...asReceived(WIRE), 'content-type': undefined };
    expect(parseLoggerEvent(headers, new Uint8Array())).toMatchObject({
      contentType: undefined,
      body: new Uint8Array(),
    });
  });

  it.each<[string, Record<string, string>]>([
    ['ce-type', { 'ce-type': '' }],
    ['ce-type', { 'ce-type': 'org.kubeflow.serving.inference.other' }],
    ['ce-id', { 'ce-id': '' }],
    ['ce-id', { 'ce-id': 'x'.repeat(257) }],
    ['ce-metadata', { 'ce-metadata': '{' }],
  ])('name %s when it is wrong', (field, headers) => {
    expect(fieldOf(headers)).toBe(field);
  });

  it('refuse broken gzip, and gzip that inflates beyond all bounds', () => {
    expect(fieldOf({}, gzipSync(BODY).subarray(0, 20))).toBe('body');
    expect(fieldOf({}, gzipSync(Buffer.alloc(70 * 1024 * 1024)))).toBe('body');
  });
});

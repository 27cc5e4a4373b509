import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import { artifactStore } from '#artifacts';
import { DEFAULT_DETECTION } from '#contracts';
import { DetectorMetrics } from '../adapters/metrics.js';
import { Protections } from '../adapters/protections.js';
import type { Commit, RedisStates } from '../adapters/redis-states.js';
import { START, type Position } from '../domain/position.js';
import { isEmpty, type ModelState } from '../domain/state.js';
import { Writer, type Incoming } from './writer.js';

Logger.overrideLogger(false);

/** A store that refuses what was not computed from its own position, like the real one. */
class Store {
  states = new Map<string, ModelState>();
  position: Position = START;
  subjects: string[] = [];
  failures: Error[] = [];

  load = () => Promise.resolve({ states: new Map(this.states), position: this.position });
  commit = ({ states, from, to, messages }: Commit) => {
    const failure = this.failures.shift();
    if (failure) return Promise.reject(failure);
    if (JSON.stringify(from) !== JSON.stringify(this.position)) return Promise.reject(new Error('another has stored'));
    for (const state of states) {
      if (isEmpty(state)) this.states.delete(`${state.namespace}/${state.model}`);
      else this.states.set(`${state.namespace}/${state.model}`, state);
    }
    this.position = to;
    this.subjects.push(...messages.map(({ subject }) => subject));
    return Promise.resolve();
  };
}

let store: Store;
let registry: Registry;
let clock: Date;
const open = () => {
  registry = new Registry();
  const protections = new Protections(artifactStore({ root: '/nowhere' }), () => undefined);
  return new Writer(store as unknown as RedisStates, protections, new DetectorMetrics(registry), () => clock);
};
beforeEach(() => {
  store = new Store();
  clock = new Date('2026-01-01T01:00:00.000Z');
});

const sample = (sequence: number, second: number, correct = true): Incoming => ({
  subject: 'accuracy.sample',
  at: { sequence, time: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString() },
  json: { model: 'm', correct },
});
const { signal } = new AbortController();
const receive = (writer: Writer, incoming: Incoming[], waiting = 0) => writer.receive(incoming, { signal, waiting });
const rows = () => store.states.get('default/m')?.revisions.unknown?.counts.error ?? 0;

describe('the writer', () => {
  it('counts a message once, also when its batch comes again, and also in another process', async () => {
    const batch = [sample(1, 1), sample(2, 2), sample(3, 3)];
    const writer = open();
    await receive(writer, batch);
    await receive(writer, [...batch, sample(4, 4)]);
    await receive(open(), [...batch, sample(4, 4), sample(5, 5)]);
    expect(rows()).toBe(5);
  });

  it('counts the first message once when it comes again alone', async () => {
    const writer = open();
    await receive(writer, [sample(1, 1)]);
    await receive(writer, [sample(1, 1)]);
    await receive(open(), [sample(1, 1)]);
    expect(rows()).toBe(1);
  });

  it('counts a stream that was made anew', async () => {
    const writer = open();
    await receive(writer, [sample(1, 1), sample(2, 2), sample(3, 3)]);
    await receive(writer, [sample(1, 11), sample(2, 12)]);
    expect(rows()).toBe(5);
    expect(store.position.sequence).toBe(2);
  });

  it('waits for a store that is away, and reads again what may have been stored', async () => {
    const writer = open();
    await receive(writer, [sample(1, 1)]);
    store.failures = [new Error('gone')];
    await receive(writer, [sample(2, 2)]);
    expect(rows()).toBe(2);
    await receive(open(), [sample(3, 3)]); // another writer has been at work
    await receive(writer, [sample(3, 3), sample(4, 4)]);
    expect(rows()).toBe(4);
  });

  it('fails for a message that is invalid as a whole, and stores nothing of its batch', async () => {
    const bad = { ...sample(2, 2), subject: 'aim.sample.ml.m' };
    await expect(receive(open(), [sample(1, 1), bad])).rejects.toThrow('aim.sample');
    expect(store.position).toEqual(START);
  });

  it('goes by the time of the stream while messages wait there', async () => {
    const writer = open();
    const to = () => store.states.get('default/m')!.revisions.unknown!.window.from;
    await receive(writer, [sample(1, 1)], 10);
    await writer.tick();
    expect(to()).toBe('2026-01-01T00:00:01.000Z');
    await receive(writer, [sample(2, 2)], 0);
    await writer.tick();
    expect(to()).toBe(clock.toISOString());
    expect(store.subjects).toEqual(['accuracy.window.default.m', 'accuracy.window.default.m']);
  });

  it('watches a bounded number of models that nobody protects, over batches and restarts', async () => {
    const batch = (sequence: number, from: number): Incoming => ({
      ...sample(sequence, sequence),
      json: { samples: Array.from({ length: 600 }, (_, i) => ({ model: `m${from + i}`, correct: true })) },
    });
    const writer = open();
    await receive(writer, [batch(1, 0)]);
    await receive(writer, [batch(2, 600), batch(3, 0)]);
    expect(await registry.metrics()).toContain('antibody_detector_ignored_total{reason="too-many-unprotected"} 200');
    await receive(open(), [batch(4, 1200)]);
    expect(await registry.metrics()).toContain('antibody_detector_ignored_total{reason="too-many-unprotected"} 600');
    expect(store.states.size).toBe(1000);
    expect(store.states.get('default/m0')?.revisions.unknown?.counts.error).toBe(2);
  });

  it('takes no room from protected models, and gives it back a week after the last row', async () => {
    const writer = open();
    const samples = Array.from({ length: 1000 }, (_, i) => ({ model: `m${i}`, correct: true }));
    await receive(writer, [{ ...sample(1, 1), json: { samples } }]);
    const policy = { namespace: 'default', model: 'm', inputs: null, detection: DEFAULT_DETECTION };
    const revisions = [{ revision: 'r1', modelFile: null, calibration: null, certified: false }];
    await writer.protect({ ...policy, revisions }, signal);
    await receive(writer, [sample(2, 2)]);
    expect(store.states.get('default/m')?.revisions.r1?.counts.error).toBe(1);
    await writer.tick();
    clock = new Date('2026-01-08T02:00:00.000Z');
    await writer.tick();
    expect([...store.states.keys()]).toEqual(['default/m']);
  });

  it('counts what it ignores', async () => {
    const samples = [{ model: 'm', signals: { odd: 1 } }, { model: 'm', correct: 1 }, { correct: true }];
    await receive(open(), [{ ...sample(1, 1), json: { samples } }]);
    const metrics = await registry.metrics();
    expect(metrics).toContain('antibody_detector_ignored_total{reason="invalid"} 2');
    expect(metrics).toContain('antibody_detector_ignored_total{reason="unknown-signal"} 1');
    expect(store.subjects).toEqual(['dlq.accuracy.sample']);
  });
});

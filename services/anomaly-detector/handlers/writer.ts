import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { ModelName, ProtectionUpdated } from '#contracts';
import { PermanentError, type OutgoingMessage } from '#service-kit';
import type { DetectorMetrics } from '../adapters/metrics.js';
import type { Protections } from '../adapters/protections.js';
import { messagesFor, type RedisStates } from '../adapters/redis-states.js';
import type { Protection } from '../domain/context.js';
import { applyMessage, reconcile, tick, type Step } from '../domain/detector.js';
import { advanced, isNews, type Position } from '../domain/position.js';
import { emptyModel, isEmpty, type ModelState } from '../domain/state.js';
import { unprotectedIn } from '../domain/unprotected.js';
import { take } from './intake.js';

/** A message of the stream. */
export interface Incoming {
  subject: string;
  at: Position;
  json: unknown;
}

interface Memory {
  states: Map<string, ModelState>;
  position: Position;
}

/** What a batch of messages comes to. */
interface Effect {
  to: Position;
  changed: Map<string, ModelState>;
  messages: OutgoingMessage[];
  ignored: Parameters<DetectorMetrics['ignore']>[0][number][];
}

const RETRY_MS = 500;
/** Revisions watched without a policy, of all models together: a few KB each, here and in Redis. */
const MOST_UNPROTECTED = 1_000;
const keyOf = ({ namespace, model }: ModelName) => `${namespace}/${model}`;

/** Messages, policies and the clock reach the domain one after the other, and every effect is stored before the next. */
export class Writer {
  private readonly logger = new Logger('detector');
  private queue: Promise<unknown> = Promise.resolve();
  /** What is in Redis; unknown at the start, and after a transaction whose end is unknown. */
  private memory: Memory | undefined;
  /** While messages wait in the stream its time is the time: the clock is ahead of what they say. */
  private behind = true;
  private saidFull = false;

  constructor(
    private readonly states: RedisStates,
    private readonly protections: Protections,
    private readonly metrics: DetectorMetrics,
    private readonly now: () => Date,
  ) {}

  /** What is known of each model. */
  snapshot(): ModelState[] {
    return [...(this.memory?.states.values() ?? [])];
  }

  position(signal: AbortSignal): Promise<Position> {
    return this.inOrder(() => this.untilItWorks(signal, async () => (await this.loaded()).position));
  }

  /** All that was in the stream at the start has been received. */
  caughtUp(): void {
    this.behind = false;
  }

  /** Resolves when all that was begun is stored. */
  async idle(): Promise<void> {
    await this.queue;
  }

  /** Fails for messages that are invalid, never for a store that is away. */
  receive(incoming: readonly Incoming[], { signal, waiting }: { signal: AbortSignal; waiting: number }): Promise<void> {
    return this.inOrder(async () => {
      await this.untilItWorks(signal, async () => {
        const memory = await this.loaded();
        const { to, changed, messages, ignored } = this.effectOf(incoming, memory);
        if (to !== memory.position) await this.store(memory, { changed, to, messages });
        this.metrics.ignore(ignored);
        if (ignored.includes('too-many-unprotected')) this.sayFull();
      });
      this.behind = waiting > 0;
    });
  }

  protect(policy: ProtectionUpdated, signal: AbortSignal): Promise<void> {
    return this.inOrder(() => this.apply(policy, signal));
  }

  /** Calibrations that could not be read may be readable now. */
  async readAgain(signal: AbortSignal): Promise<void> {
    for (const policy of this.protections.toRetry()) {
      await this.inOrder(async () => {
        const isLatest = this.protections.toRetry().includes(policy);
        if (isLatest) await this.apply(policy, signal);
      });
    }
  }

  tick(): Promise<void> {
    return this.inOrder(() => this.eachModel(tick, () => true));
  }

  private sayFull(): void {
    if (this.saidFull) return;
    this.saidFull = true;
    this.logger.warn(
      `samples of further revisions without a policy do not count: ${MOST_UNPROTECTED} are watched. Write a policy for those that matter`,
    );
  }

  private async apply(policy: ProtectionUpdated, signal: AbortSignal): Promise<void> {
    await this.protections.update(policy);
    this.metrics.cannotRead(this.protections.unreadable);
    await this.untilItWorks(signal, () => this.eachModel(reconcile, (state) => keyOf(state) === keyOf(policy)));
  }

  /** One thing at a time. A failure belongs to whoever asked, not to the next one. */
  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private effectOf(incoming: readonly Incoming[], { states, position }: Memory): Effect {
    const effect: Effect = { to: position, changed: new Map(), messages: [], ignored: [] };
    const unprotected = (state: ModelState) => unprotectedIn(state, this.protections.of(state));
    let room = MOST_UNPROTECTED - [...states.values()].reduce((sum, state) => sum + unprotected(state), 0);
    for (const { subject, at, json } of incoming) {
      if (!isNews(effect.to, at)) continue;
      effect.to = advanced(effect.to, at);
      const { contents, invalid, dead } = take(subject, json, at.sequence);
      effect.messages.push(...dead);
      for (let i = 0; i < invalid; i++) effect.ignored.push('invalid');
      for (const { of, message } of contents) {
        const state = effect.changed.get(keyOf(of)) ?? states.get(keyOf(of)) ?? emptyModel(of.namespace, of.model);
        const step = applyMessage(state, message, { protection: this.protections.of(of), at, room });
        room -= unprotected(step.state) - unprotected(state);
        if (step.state !== state) effect.changed.set(keyOf(of), step.state);
        effect.messages.push(...messagesFor(step.events, at.time));
        effect.ignored.push(...step.ignored);
      }
    }
    return effect;
  }

  private async eachModel(
    step: (state: ModelState, now: { protection: Protection; time: string }) => Step,
    wanted: (state: ModelState) => boolean,
  ): Promise<void> {
    const memory = await this.loaded();
    const time = this.behind ? memory.position.time : this.now().toISOString();
    const changed = new Map<string, ModelState>();
    const messages: OutgoingMessage[] = [];
    for (const [key, state] of memory.states) {
      if (!wanted(state)) continue;
      const next = step(state, { protection: this.protections.of(state), time });
      if (next.state !== state) changed.set(key, next.state);
      messages.push(...messagesFor(next.events, time));
    }
    if (changed.size > 0) await this.store(memory, { changed, to: memory.position, messages });
  }

  private async loaded(): Promise<Memory> {
    return (this.memory ??= await this.states.load());
  }

  private async store(memory: Memory, { changed, to, messages }: Omit<Effect, 'ignored'>): Promise<void> {
    try {
      await this.states.commit({ states: changed.values(), from: memory.position, to, messages });
    } catch (error) {
      this.memory = undefined;
      throw error;
    }
    for (const [key, state] of changed) {
      if (isEmpty(state)) memory.states.delete(key);
      else memory.states.set(key, state);
    }
    memory.position = to;
  }

  /** A store that is away is waited for. What is wrong with a message is not. */
  private async untilItWorks<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isPermanent = error instanceof PermanentError || (error as { permanent?: boolean }).permanent === true;
        if (isPermanent || signal.aborted) throw error;
        this.logger.warn(`${(error as Error).message}; again`);
        await sleep(RETRY_MS, undefined, { signal });
      }
    }
  }
}

import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { parseEvent, type CloudEvent } from '#contracts';
import { StreamFollower, type Follower, type JetStreamContext, type OutgoingMessage } from '#service-kit';
import type { Protections } from '../adapters/protections.js';
import { messagesFor, type RedisStates } from '../adapters/redis-states.js';
import type { Position } from '../domain/context.js';
import { applyMessage, reconcile, tick, type Step } from '../domain/detector.js';
import { emptyModel, type ModelState } from '../domain/state.js';
import { take } from './intake.js';

const BATCH = 64;
const TICK_MS = 2_000;
const LEASE_MS = 3_000;

/** The one writer: messages, policies and the clock reach the domain one after the other, and every effect is stored before the next. */
@Injectable()
export class DetectorLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('detector');
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly followers: Follower[] = [];
  private queue: Promise<unknown> = Promise.resolve();
  private memory: { states: Map<string, ModelState>; lastSequence: number } | undefined;
  private leading = false;
  private stopped = false;

  constructor(
    private readonly follower: StreamFollower,
    private readonly states: RedisStates,
    private readonly protections: Protections,
    private readonly now: () => Date,
  ) {}

  /** What is known of each model; empty on a standby. */
  snapshot(): ModelState[] {
    return [...(this.memory?.states.values() ?? [])];
  }

  onApplicationBootstrap(): void {
    void this.lead();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.timers.forEach((timer) => clearInterval(timer));
    await Promise.all(this.followers.map((follower) => follower.stop()));
    await this.queue;
    if (this.leading) await this.states.release().catch(() => undefined);
  }

  /** Waits for the lease, then for the policies, then follows the stream from where the last writer stopped. */
  private async lead(): Promise<void> {
    for (let told = false; !(await this.states.lease().catch(() => false)); told = true) {
      if (this.stopped) return;
      if (!told) this.logger.log('another detector is the writer: standing by');
      await new Promise((resolve) => setTimeout(resolve, LEASE_MS));
    }
    this.leading = true;
    const policies = this.follower.followLatest(
      { stream: 'EVENTS', subject: 'protection.updated.>', parse: (json) => parseEvent('protection.updated', json) },
      (event) => this.inOrder(() => this.protect(event)),
    );
    this.followers.push(policies);
    await policies.ready;
    const { lastSequence } = await this.retried(() => this.loaded());
    if (this.stopped) return;
    this.logger.log(`following SAMPLES after #${lastSequence}`);
    this.followers.push(
      this.follower.followStream<unknown>(
        { stream: 'SAMPLES', name: 'detector', after: lastSequence, batch: BATCH },
        (json, context) => this.inOrder(() => this.receive(json, context)),
      ),
    );
    this.timers.push(
      setInterval(
        () =>
          void this.inOrder(() => this.tick()).catch((error: unknown) =>
            this.logger.warn(`tick: ${(error as Error).message}`),
          ),
        TICK_MS,
      ),
      setInterval(() => void this.renew(), LEASE_MS),
    );
  }

  private async renew(): Promise<void> {
    const held = await this.states.lease().catch(() => true); // Redis is away: the transaction will tell
    if (held) return;
    this.logger.error('the lease was lost to another detector: ending, to start again as standby');
    process.kill(process.pid, 'SIGTERM');
  }

  /** One thing at a time. A failure belongs to whoever asked, not to the next one. */
  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async retried<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.logger.warn(`${(error as Error).message}; trying again`);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }
  }

  /** What is in Redis: read at the start, and again after a transaction whose end is unknown. */
  private async loaded() {
    return (this.memory ??= await this.states.load());
  }

  private async store(
    changed: Map<string, ModelState>,
    lastSequence: number,
    messages: OutgoingMessage[],
  ): Promise<void> {
    const memory = await this.loaded();
    try {
      await this.states.commit({ states: changed.values(), lastSequence, messages });
    } catch (error) {
      this.memory = undefined;
      throw error;
    }
    for (const [key, state] of changed) memory.states.set(key, state);
    memory.lastSequence = lastSequence;
  }

  private async receive(batch: unknown[], { messages }: JetStreamContext): Promise<void> {
    const memory = await this.loaded();
    // A stream that was made anew counts from 1 again.
    const restarted = messages[0]!.seq === 1 && memory.lastSequence > 0 && messages[0]!.time.getTime() > 0;
    const last = restarted ? 0 : memory.lastSequence;
    const changed = new Map<string, ModelState>();
    const outgoing: OutgoingMessage[] = [];
    messages.forEach((message, i) => {
      if (message.seq <= last) return;
      const at: Position = { sequence: message.seq, time: message.time.toISOString() };
      const { taken, dead } = take(message.subject, batch[i], message.seq);
      outgoing.push(...dead);
      for (const { of, message: content } of taken) {
        const key = `${of.namespace}/${of.model}`;
        const state = changed.get(key) ?? memory.states.get(key) ?? emptyModel(of.namespace, of.model);
        const step = applyMessage(state, content, { protection: this.protections.of(of), at });
        changed.set(key, step.state);
        outgoing.push(...messagesFor(step.events, at.time));
      }
    });
    const sequence = messages[messages.length - 1]!.seq;
    if (sequence > last) await this.store(changed, sequence, outgoing);
  }

  private async protect({ data }: CloudEvent<'protection.updated'>): Promise<void> {
    await this.protections.update(data);
    await this.eachModel(
      (state, context) => reconcile(state, context),
      (state) => state.namespace === data.namespace && state.model === data.model,
    );
  }

  private async tick(): Promise<void> {
    await this.eachModel(
      (state, context) => tick(state, context),
      () => true,
    );
  }

  private async eachModel(
    step: (state: ModelState, context: { protection: ReturnType<Protections['of']>; time: string }) => Step,
    wanted: (state: ModelState) => boolean,
  ): Promise<void> {
    const { states, lastSequence } = await this.loaded();
    const time = this.now().toISOString();
    const changed = new Map<string, ModelState>();
    const outgoing: OutgoingMessage[] = [];
    for (const [key, state] of states) {
      if (!wanted(state)) continue;
      const next = step(state, { protection: this.protections.of(state), time });
      if (next.events.length === 0 && next.state === state) continue;
      changed.set(key, next.state);
      outgoing.push(...messagesFor(next.events, time));
    }
    if (changed.size) await this.store(changed, lastSequence, outgoing);
  }
}

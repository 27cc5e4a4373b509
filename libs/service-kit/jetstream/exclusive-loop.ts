import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamClient, JsMsg } from '@nats-io/jetstream';
import { messageOf } from '../errors.js';
import { RESTORE_PAUSE_MS, type Loop, type LoopScope } from './consume-loop.js';
import type { Delivery } from './delivery.js';

const POLL_MS = 250;
/** The least that the client allows. */
const SHORTEST_WAIT_MS = 1_000;

/**
 * One message at a time over several handlers, asked for only when idle: nothing is held back that another process could do.
 * Handlers are asked in rotation, beginning after the one that had the last message, so that none starves.
 */
export function startExclusiveLoop(deliveries: Delivery[], scope: LoopScope): Loop {
  const stop = new AbortController();
  let turn = 0;

  async function takeOne(): Promise<boolean> {
    for (let i = 0; i < deliveries.length && !stop.signal.aborted; i++) {
      const at = (turn + i) % deliveries.length;
      const delivery = deliveries[at]!;
      const message = await pullIfAny(scope.js, delivery);
      if (!message) continue;
      turn = at + 1;
      if (stop.signal.aborted) message.nak();
      else await delivery.handle([message]);
      return true;
    }
    return false;
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        if (!(await takeOne())) await sleep(POLL_MS, undefined, { signal: stop.signal });
      } catch (error) {
        if (stop.signal.aborted) return;
        scope.logger.warn(`${deliveries.map((d) => d.options.durable).join(', ')}: ${messageOf(error)}; restoring`);
        await sleep(RESTORE_PAUSE_MS);
        await scope.restore().catch((failure: unknown) => scope.logger.warn(messageOf(failure)));
      }
    }
  }

  return { done: run(), stop: () => stop.abort() };
}

/** Waits for a message only where one is likely: a rotation over handlers without work has to be quick. */
async function pullIfAny(js: JetStreamClient, { options }: Delivery): Promise<JsMsg | null> {
  const consumer = await js.consumers.get(options.stream, options.durable);
  const { num_pending: waiting, num_ack_pending: taken } = await consumer.info(true);
  // One that was given back still counts as taken.
  return waiting > 0 || taken > 0 ? consumer.next({ expires: SHORTEST_WAIT_MS }) : null;
}

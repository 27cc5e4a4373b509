import type { ChainableCommander, Redis } from 'ioredis';
import type { CloudEvent, DeploymentRequested, ModelName } from '#contracts';
import { messagesOf, type RedisOutbox } from '#service-kit';
import { announcement } from '../domain/announce.js';
import { openRollout, withLabels, type Rollout } from '../domain/rollout.js';
import type { Rollouts } from '../handlers/rollout-runner.js';

const PREFIX = 'deployer:';
export const OUTBOX = `${PREFIX}outbox`;
/** Ended rollouts stay for so long, so that a request that comes again finds its end. */
const KEPT_SECONDS = 30 * 24 * 3600;

const rolloutKey = (deploymentId: string) => `${PREFIX}rollout:${deploymentId}`;
/** Holds the id of the model's open deployment: there is at most one. */
const openKey = ({ namespace, model }: ModelName) => `${PREFIX}open:${namespace}:${model}`;

/** Each rollout is one JSON value, written together with the events that the change causes. */
export class RedisRollouts implements Rollouts {
  constructor(
    private readonly redis: Redis,
    private readonly outbox: RedisOutbox,
    private readonly now: () => number,
  ) {}

  async open(request: DeploymentRequested, correlationId: string | undefined): Promise<'opened' | 'known' | 'busy'> {
    const key = rolloutKey(request.deploymentId);
    let result: 'opened' | 'known' | 'busy' = 'known';
    await this.outbox.update([key, openKey(request)], async (redis) => {
      const [known, open] = await redis.mget(key, openKey(request));
      result = known ? 'known' : open ? 'busy' : 'opened';
      if (result !== 'opened') return {};
      const rollout = openRollout(request, correlationId, this.now());
      return { change: (multi) => multi.set(openKey(request), request.deploymentId).set(key, JSON.stringify(rollout)) };
    });
    return result;
  }

  async read(deploymentId: string): Promise<Rollout> {
    return parse(await this.redis.get(rolloutKey(deploymentId)), deploymentId);
  }

  async advance(from: Rollout, to: Rollout): Promise<void> {
    const key = rolloutKey(from.request.deploymentId);
    const event = announcement(to);
    await this.outbox.update([key], async (redis) => {
      const stored = parse(await redis.get(key), from.request.deploymentId);
      if (stored.version !== from.version) return {}; // another process is at it, and was faster
      return { change: (multi) => store(multi, to), messages: event ? messagesOf(event) : [] };
    });
  }

  async announceAgain(rollout: Rollout): Promise<void> {
    const event = announcement(rollout);
    if (event) await this.outbox.commit(() => undefined, messagesOf(event));
  }

  /** Each window counts once, for the rollout of its model that is open, if its revision is being watched. */
  async countLabels({ id, data }: CloudEvent<'accuracy.window'>): Promise<void> {
    if (data.labelled === 0) return;
    const deploymentId = await this.redis.get(openKey(data));
    if (!deploymentId) return;
    const key = rolloutKey(deploymentId);
    const count = async (redis: Redis) => {
      const rollout = withLabels(parse(await redis.get(key), deploymentId), data.revision, data);
      return rollout ? { change: (multi: ChainableCommander) => store(multi, rollout) } : {};
    };
    await this.outbox.update([key], count, { once: id });
  }
}

function store(multi: ChainableCommander, rollout: Rollout): void {
  const key = rolloutKey(rollout.request.deploymentId);
  const text = JSON.stringify(rollout);
  if (rollout.phase === 'ended') multi.set(key, text, 'EX', KEPT_SECONDS).del(openKey(rollout.request));
  else multi.set(key, text);
}

function parse(text: string | null, deploymentId: string): Rollout {
  if (!text) throw new Error(`rollout ${deploymentId} is not in Redis any more`);
  return JSON.parse(text) as Rollout;
}

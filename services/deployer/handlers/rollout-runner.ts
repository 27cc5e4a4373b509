import { Logger } from '@nestjs/common';
import type { DeploymentRequested } from '#contracts';
import { decide, type Decision, type Observation } from '../domain/decide.js';
import type { Rollout } from '../domain/rollout.js';
import type { ServingPlatform } from '../domain/serving-platform.js';

/** Where rollouts are kept. */
export interface Rollouts {
  /** `busy`: another deployment of the same model has not ended yet. */
  open(request: DeploymentRequested, correlationId: string | undefined): Promise<'opened' | 'known' | 'busy'>;
  read(deploymentId: string): Promise<Rollout>;
  /** Stores the next phase with its event, unless somebody else was faster. */
  advance(from: Rollout, to: Rollout): Promise<void>;
  /** Publishes the event of the phase once more. */
  announceAgain(rollout: Rollout): Promise<void>;
}

export interface RunnerParts {
  rollouts: Rollouts;
  platformFor: (request: DeploymentRequested) => ServingPlatform;
  /** What is wrong with the file, if anything. */
  fileProblem: (file: DeploymentRequested['modelFile']) => Promise<string | undefined>;
  now: () => number;
  pause: (signal: AbortSignal) => Promise<void>;
}

/** Takes rollouts to their end: looks, decides, acts, again and again. All it knows is what is stored and what it sees. */
export class RolloutRunner {
  private readonly logger = new Logger(RolloutRunner.name);
  private readonly running = new Map<string, Promise<void>>();

  constructor(private readonly parts: RunnerParts) {}

  /** Resolves at the end of the rollout. A request that comes again meanwhile joins in; one of a finished rollout repeats its end. */
  run(request: DeploymentRequested, correlationId: string | undefined, signal: AbortSignal): Promise<void> {
    const { deploymentId } = request;
    const underWay = this.running.get(deploymentId);
    if (underWay) return underWay;
    const run = this.toTheEnd(request, correlationId, signal).finally(() => this.running.delete(deploymentId));
    this.running.set(deploymentId, run);
    return run;
  }

  private async toTheEnd(request: DeploymentRequested, correlationId: string | undefined, signal: AbortSignal) {
    const { rollouts, platformFor, now, pause } = this.parts;
    let opened = await rollouts.open(request, correlationId);
    while (opened === 'busy') {
      await pause(signal);
      signal.throwIfAborted();
      opened = await rollouts.open(request, correlationId);
    }
    const platform = platformFor(request);
    let rollout = await rollouts.read(request.deploymentId);
    if (rollout.phase === 'ended') return rollouts.announceAgain(rollout);
    while (rollout.phase !== 'ended') {
      signal.throwIfAborted();
      const decision = decide(rollout, await this.observe(rollout, platform), now());
      if (decision.do === 'advance') await rollouts.advance(rollout, decision.to);
      else {
        await this.act(rollout, platform, decision);
        await pause(signal);
      }
      rollout = await rollouts.read(request.deploymentId);
    }
  }

  private async observe({ phase, request }: Rollout, platform: ServingPlatform): Promise<Observation> {
    const file = phase === 'checking' ? { problem: await this.parts.fileProblem(request.modelFile) } : undefined;
    try {
      return { file, platform: await platform.observe() };
    } catch (error) {
      this.logger.warn(`${request.deploymentId}: ${(error as Error).message}`);
      return { file };
    }
  }

  /** What the platform refuses is seen at the next look. */
  private async act({ request }: Rollout, platform: ServingPlatform, decision: Decision): Promise<void> {
    const { deploymentId, revision, modelFile } = request;
    try {
      if (decision.do === 'load') await platform.load(revision, modelFile.uri);
      if (decision.do === 'set-traffic') await platform.setTraffic(decision.split);
      if (decision.do === 'unload') await platform.unload(revision);
    } catch (error) {
      this.logger.warn(`${deploymentId}: ${decision.do}: ${(error as Error).message}`);
    }
  }
}

import type { DeploymentRequested } from '#contracts';
import { announcement } from '../domain/announce.js';
import { openRollout, type Rollout } from '../domain/rollout.js';
import type { RevisionStatus, ServingPlatform, TrafficSplit } from '../domain/serving-platform.js';
import type { Rollouts } from '../handlers/rollout-runner.js';

export const request: DeploymentRequested = {
  namespace: 'ml',
  model: 'digits',
  deploymentId: 'd1',
  defenseId: 'defense-1',
  revision: 'r2',
  target: 'http://predictor',
  modelFile: { uri: 'file:///r2.onnx', sha256: 'a'.repeat(64) },
  previousRevision: 'r1',
  rollout: { steps: [10, 50, 100], stepSeconds: 10, minimumLabelled: 0, timeoutSeconds: 60 },
  minimumAccuracy: 0.8,
};

/** A platform that refuses what it must refuse, and notes the order of everything that happens to it. */
export class FakePlatform implements ServingPlatform {
  readonly log: string[] = [];
  revisions: Record<string, RevisionStatus> = { r1: { state: 'ready' } };
  traffic: TrafficSplit = { r1: 100 };
  /** What loading leads to, looked at `looksUntilLoaded` times after it began. */
  loadsAs: RevisionStatus = { state: 'ready' };
  looksUntilLoaded = 2;
  away = false;
  /** The most that the candidate ever got. */
  mostTraffic = 0;
  private looks = 0;

  observe() {
    this.reach();
    const candidate = this.revisions.r2;
    if (candidate?.state === 'loading' && ++this.looks >= this.looksUntilLoaded) this.revisions.r2 = this.loadsAs;
    return Promise.resolve({ revisions: { ...this.revisions }, traffic: this.traffic });
  }

  load(revision: string) {
    this.reach();
    this.log.push(`load ${revision}`);
    this.looks = 0;
    this.revisions[revision] ??= { state: 'loading' };
    return Promise.resolve();
  }

  setTraffic(split: TrafficSplit) {
    this.reach();
    for (const [revision, percent] of Object.entries(split)) {
      if (percent > 0 && this.revisions[revision]?.state !== 'ready') throw new Error(`${revision} is not ready`);
    }
    this.log.push(`traffic r2 ${split.r2}`);
    this.traffic = split;
    this.mostTraffic = Math.max(this.mostTraffic, split.r2 ?? 0);
    return Promise.resolve();
  }

  unload(revision: string) {
    this.reach();
    if (this.traffic[revision]) throw new Error(`${revision} has traffic`);
    this.log.push(`unload ${revision}`);
    delete this.revisions[revision];
    return Promise.resolve();
  }

  private reach() {
    if (this.away) throw new Error('connection refused');
  }
}

/** Keeps rollouts as Redis does: as text, each change with its event in one step. */
export class FakeRollouts implements Rollouts {
  readonly published: { id: string; name: string; data: Record<string, unknown> }[] = [];
  private readonly kept = new Map<string, string>();

  constructor(private readonly now: () => number) {}

  open(asked: DeploymentRequested, correlationId: string | undefined) {
    if (this.kept.has(asked.deploymentId)) return Promise.resolve('known' as const);
    const busy = [...this.kept.values()].some((text) => (JSON.parse(text) as Rollout).phase !== 'ended');
    if (busy) return Promise.resolve('busy' as const);
    this.write(openRollout(asked, correlationId, this.now()));
    return Promise.resolve('opened' as const);
  }

  read(deploymentId: string): Promise<Rollout> {
    return Promise.resolve(JSON.parse(this.kept.get(deploymentId)!) as Rollout);
  }

  async advance(from: Rollout, to: Rollout): Promise<void> {
    if ((await this.read(from.request.deploymentId)).version !== from.version) return;
    this.write(to);
    this.publish(to);
  }

  announceAgain(rollout: Rollout): Promise<void> {
    this.publish(rollout);
    return Promise.resolve();
  }

  write(rollout: Rollout): void {
    this.kept.set(rollout.request.deploymentId, JSON.stringify(rollout));
  }

  private publish(rollout: Rollout): void {
    const event = announcement(rollout);
    if (!event) return;
    const name = event.type.replace('dev.antibody.', '').replace('.v1', '');
    this.published.push({ id: event.id, name, data: event.data });
  }
}

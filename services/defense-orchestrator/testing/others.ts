import {
  anomalyRaised,
  attackDetected,
  calibrationCompleted,
  evaluationCompleted,
  file,
  robustness,
  sha,
  trainingCompleted,
  window,
} from './events.js';
import type { World } from './world.js';

/** What the detector, the trainer and the deployer do in a defense, step by step. */

export const soon = (ms = 0) => new Date(Date.now() + ms).toISOString();
export const idOf = (anomalyId: string) => `defense.${anomalyId}`;

export async function attack(world: World, anomalyId: string, revision = 'first'): Promise<void> {
  await world.publish('anomaly.raised', anomalyRaised(anomalyId, revision));
  await world.publish('attack.detected', attackDetected(anomalyId, revision));
}

export async function train(world: World, defenseId: string, candidate = file('c')): Promise<void> {
  const { data } = await world.seen('training.requested', (job) => job.defenseId === defenseId);
  await world.publish('training.completed', trainingCompleted(data.jobId, defenseId, candidate));
}

export async function calibrateCandidate(world: World, defenseId: string): Promise<void> {
  const { data } = await world.seen('calibration.requested', (job) => job.defenseId === defenseId);
  const { sha256 } = data.modelFile;
  await world.publish(
    'calibration.completed',
    calibrationCompleted(data.jobId, defenseId, sha256, world.dataset.sha256),
  );
}

export async function evaluate(world: World, defenseId: string, pgd = 0.9): Promise<void> {
  const { data } = await world.seen('evaluation.requested', (job) => job.defenseId === defenseId);
  const results = {
    datasetSha256: world.dataset.sha256,
    candidate: robustness(data.candidate.sha256, 0.98, pgd),
    baseline: robustness(data.baseline?.sha256 ?? sha('0'), 0.99, 0.01),
  };
  await world.publish('evaluation.completed', evaluationCompleted(data.jobId, defenseId, results));
}

/** Live labels of the candidate, all of them after this moment. */
export async function serve(world: World, revision: string): Promise<void> {
  for (const ms of [1000, 2000, 3000]) await world.publish('accuracy.window', window(soon(ms), {}, revision));
}

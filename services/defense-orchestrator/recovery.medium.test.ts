import { afterEach, expect, it } from '@jest/globals';
import {
  anomalyRaised,
  attackDetected,
  calibrationCompleted,
  deploymentCompleted,
  evaluationCompleted,
  robustness,
  sha,
  trainingCompleted,
  window,
} from './testing/events.js';
import { openWorld, type World } from './testing/world.js';

let world: World | undefined;
afterEach(() => world?.stop());

const soon = (ms = 0) => new Date(Date.now() + ms).toISOString();

it('takes an attack all the way to a recovered model', async () => {
  world = await openWorld();
  const { dataset, model } = world;
  await world.publish('anomaly.raised', anomalyRaised('anomaly-1'));
  await world.publish('attack.detected', attackDetected('anomaly-1'));
  const { data: training } = await world.seen('training.requested');
  const { defenseId } = training as { defenseId: string };
  await world.publish('training.completed', trainingCompleted(training.jobId, defenseId));
  const { data: evaluation } = await world.seen('evaluation.requested');
  const { data: calibration } = await world.seen('calibration.requested', (job) => job.defenseId === defenseId);
  await world.publish(
    'calibration.completed',
    calibrationCompleted(calibration.jobId, defenseId, sha('c'), dataset.sha256),
  );
  await world.publish(
    'evaluation.completed',
    evaluationCompleted(evaluation.jobId, defenseId, {
      datasetSha256: dataset.sha256,
      baseline: robustness(model.sha256, 0.99, 0.01),
    }),
  );
  const { data: deployment } = await world.seen('deployment.requested');
  await world.publish('deployment.completed', deploymentCompleted(deployment.deploymentId, defenseId));
  await world.seen('defense.changed', ({ state }) => state === 'verifying');
  for (let i = 1; i <= 3; i++) await world.publish('accuracy.window', window(soon(i * 2000), {}, deployment.revision));
  const { data: ended } = await world.seen('defense.ended');
  expect(ended.state).toBe('recovered');
});

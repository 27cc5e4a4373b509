import { cloudEvent, type CloudEvent, type DeploymentPhase } from '#contracts';
import { accuracyOf } from './canary.js';
import { percentOf, type Rollout } from './rollout.js';

/** CloudEvents source of everything that the deployer publishes. */
export const SOURCE = 'deployer';

type DeploymentEvent = CloudEvent<
  'deployment.progressed' | 'deployment.completed' | 'deployment.failed' | 'deployment.rolled-back'
>;

/**
 * What the world should hear of a rollout that has just come into its phase. Made from what is stored alone: the end of a
 * rollout, published again, is the same event.
 */
export function announcement(rollout: Rollout): DeploymentEvent | undefined {
  const { namespace, model, deploymentId, defenseId, revision } = rollout.request;
  const about = { namespace, model, deploymentId, defenseId, revision };
  const origin = {
    id: `${deploymentId}.${rollout.version}`,
    source: SOURCE,
    time: new Date(rollout.since).toISOString(),
    namespace,
    model,
    ...(rollout.correlationId && { correlationid: rollout.correlationId }),
  };
  const { traffic } = rollout;
  const canary = accuracyOf(rollout.canary);
  if (rollout.phase === 'ended') {
    const { outcome } = rollout;
    if (outcome?.name === 'deployment.failed')
      return cloudEvent(outcome.name, origin, { ...about, reason: outcome.reason });
    if (outcome?.name === 'deployment.rolled-back') {
      const { reason, atPercent } = outcome;
      return cloudEvent(outcome.name, origin, { ...about, reason, atPercent, canary });
    }
    return cloudEvent('deployment.completed', origin, { ...about, traffic });
  }
  const phase = publicPhase(rollout);
  if (!phase) return undefined;
  const percent = phase === 'loading' || phase === 'rolling-back' ? 0 : percentOf(rollout);
  return cloudEvent('deployment.progressed', origin, { ...about, phase, percent, traffic, canary });
}

function publicPhase(rollout: Rollout): DeploymentPhase | undefined {
  const { phase } = rollout;
  if (phase === 'checking' || phase === 'unloading' || phase === 'ended') return undefined;
  return phase === 'shifting' && percentOf(rollout) === 100 ? 'promoting' : phase;
}

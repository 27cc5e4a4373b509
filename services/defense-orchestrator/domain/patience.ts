import type { DefenseState, RobustnessPolicy } from '#contracts';

/** A queue may be long and a trainer may have to begin again: this much on top of what the work itself may take. */
const SLACK_SECONDS = 900;

/**
 * How long a state may last without news. null = as long as it takes: a person decides when to approve, and the deployer ends every
 * rollout itself - given up here, a candidate could go on serving with nobody watching it.
 */
export function patienceSeconds(spec: RobustnessPolicy['spec'], state: DefenseState): number | null {
  switch (state) {
    case 'training':
    case 'evaluating':
      return 2 * spec.training.timeBudgetSeconds + SLACK_SECONDS;
    case 'verifying':
      return spec.rollout.timeoutSeconds;
    default:
      return null;
  }
}

import * as anomalies from './anomalies.js';
import { containmentJudged } from './containment.js';
import type { Defense } from './defense.js';
import { Draft } from './draft.js';
import type { Context, Incoming, ModelState, Outgoing } from './model.js';
import * as orders from './orders.js';
import * as progress from './progress.js';
import * as protection from './protection.js';

export interface Step {
  model: ModelState;
  /** Defenses that were recorded as suppressed. */
  suppressed: Defense[];
  events: Outgoing[];
}

/** One step for one thing that happened. Pure: the same state, cause and context give the same step. Throws NotNowError for an order that does not fit. */
export function step(model: ModelState, incoming: Incoming, context: Context): Step {
  const draft = new Draft(structuredClone(model), context);
  take(draft, incoming);
  return { model: draft.model, suppressed: draft.suppressed, events: draft.events };
}

function take(draft: Draft, incoming: Incoming): void {
  switch (incoming.kind) {
    case 'start':
      return protection.start(draft, incoming.calibrations);
    case 'tick':
      progress.timeOut(draft);
      anomalies.lookAgain(draft);
      return protection.repeatProtection(draft);
    case 'anomaly.raised':
      return anomalies.raised(draft, incoming.data);
    case 'anomaly.closed':
      return anomalies.closed(draft, incoming.data);
    case 'attack.detected':
      return anomalies.judged(draft, 'attack', incoming.data);
    case 'drift.detected':
      return anomalies.judged(draft, 'drift', incoming.data);
    case 'verdict.undetermined':
      return anomalies.judged(draft, 'undetermined', incoming.data);
    case 'accuracy.window':
      anomalies.observed(draft, incoming.data);
      return progress.served(draft, incoming.data);
    case 'training.progress':
      return progress.training(draft, incoming.data);
    case 'training.completed':
      return progress.trained(draft, incoming.data);
    case 'training.failed':
      return progress.jobFailed(draft, 'training', incoming.data);
    case 'evaluation.completed': {
      const harmed = containmentJudged(draft, incoming.data);
      if (harmed) anomalies.respond(draft, harmed);
      return progress.evaluated(draft, incoming.data);
    }
    case 'evaluation.failed':
      return progress.jobFailed(draft, 'evaluation', incoming.data);
    case 'calibration.completed':
      protection.calibrationArrived(draft, incoming.data);
      return progress.calibrated(draft, incoming.data);
    case 'calibration.failed':
      protection.calibrationMissing(draft, incoming.data);
      return progress.jobFailed(draft, 'calibration', incoming.data);
    case 'deployment.completed':
      return progress.deployed(draft, incoming.data);
    case 'deployment.failed':
      return progress.notDeployed(draft, 'failed', incoming.data);
    case 'deployment.rolled-back':
      return progress.notDeployed(draft, 'rolled-back', incoming.data);
    case 'approve':
      return orders.approve(draft, incoming);
    case 'reject':
      return orders.reject(draft, incoming);
    case 'cancel':
      return orders.cancel(draft, incoming);
    case 'harden':
      return orders.harden(draft, incoming);
    case 'dismiss':
      return orders.dismiss(draft, incoming);
  }
}

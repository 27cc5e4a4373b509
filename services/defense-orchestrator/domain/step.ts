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
  (TAKES[incoming.kind] as (draft: Draft, incoming: Incoming) => void)(draft, incoming);
  return { model: draft.model, suppressed: draft.suppressed, events: draft.events };
}

type Takes = { [K in Incoming['kind']]: (draft: Draft, incoming: Extract<Incoming, { kind: K }>) => void };

/** What each kind of thing that happens may change. */
const TAKES: Takes = {
  start: (draft) => protection.start(draft),
  tick(draft) {
    progress.timeOut(draft);
    anomalies.lookAgain(draft);
    protection.repeatProtection(draft);
  },
  'anomaly.raised': (draft, { data }) => anomalies.raised(draft, data),
  'anomaly.closed': (draft, { data }) => anomalies.closed(draft, data),
  'attack.detected': (draft, { data }) => anomalies.judged(draft, 'attack', data),
  'drift.detected': (draft, { data }) => anomalies.judged(draft, 'drift', data),
  'verdict.undetermined': (draft, { data }) => anomalies.judged(draft, 'undetermined', data),
  'accuracy.window'(draft, { data }) {
    anomalies.observed(draft, data);
    progress.served(draft, data);
  },
  'training.progress': (draft, { data }) => progress.training(draft, data),
  'training.completed': (draft, { data }) => progress.trained(draft, data),
  'training.failed': (draft, { data }) => progress.jobFailed(draft, 'training', data),
  'evaluation.completed'(draft, { data }) {
    const harmed = containmentJudged(draft, data);
    if (harmed) anomalies.respond(draft, harmed);
    progress.evaluated(draft, data);
  },
  'evaluation.failed': (draft, { data }) => progress.jobFailed(draft, 'evaluation', data),
  'calibration.completed'(draft, { data }) {
    protection.calibrationArrived(draft, data);
    progress.calibrated(draft, data);
  },
  'calibration.failed'(draft, { data }) {
    protection.calibrationMissing(draft, data);
    progress.jobFailed(draft, 'calibration', data);
  },
  'deployment.completed': (draft, { data }) => progress.deployed(draft, data),
  'deployment.failed': (draft, { data }) => progress.notDeployed(draft, 'failed', data),
  'deployment.rolled-back': (draft, { data }) => progress.notDeployed(draft, 'rolled-back', data),
  approve: orders.approve,
  reject: orders.reject,
  cancel: orders.cancel,
  harden: orders.harden,
  dismiss: orders.dismiss,
};

import { evidence } from '#change-detection';
import type { AimLabel, AimSample, Sample } from '#contracts';
import { applySample, closingEvents } from './anomaly.js';
import { caused, type Caused, type Position, type Protection } from './context.js';
import { openRevision } from './signals.js';
import type { ModelState, OpenAnomaly, RevisionState } from './state.js';
import { addGroup, addLabel, closeOverdue, decide } from './verdict.js';

export type Message =
  { kind: 'samples'; samples: Sample[] } | { kind: 'aim'; aim: AimSample } | { kind: 'label'; label: AimLabel };

export interface Step {
  state: ModelState;
  events: Caused[];
}

/** Samples that name no revision belong to the only one that is protected. */
function revisionOf(sample: Sample, { revisions }: Protection): string {
  if (sample.revision !== undefined) return sample.revision;
  return revisions.size === 1 ? [...revisions.keys()][0]! : 'unknown';
}

const withRevision = (model: ModelState, revision: string, state: RevisionState): ModelState => ({
  ...model,
  revisions: { ...model.revisions, [revision]: state },
});

/** One message of one model, at its place in the stream. Pure: the same stream always gives the same events. */
export function applyMessage(
  model: ModelState,
  message: Message,
  { protection, at }: { protection: Protection; at: Position },
): Step {
  const { time } = at;
  if (message.kind === 'samples') {
    return message.samples.reduce<Step>(
      (step, sample, index) => {
        const revision = revisionOf(sample, protection);
        const applied = applySample(step.state, revision, sample, { protection, at, index });
        const decided = decide(step.state, revision, applied.state, { protection, time });
        return {
          state: withRevision(step.state, revision, decided.state),
          events: [...step.events, ...applied.events, ...decided.events],
        };
      },
      { state: model, events: [] },
    );
  }
  const { revision, anomalyId } = message.kind === 'aim' ? message.aim : message.label;
  const due = new Date(Date.parse(time) + 1000 * protection.detection.labelDeadlineSeconds).toISOString();
  return withAnomaly(model, revision, { protection, time, only: anomalyId }, (anomaly) =>
    message.kind === 'aim' ? addGroup(anomaly, message.aim, due) : addLabel(anomaly, message.label),
  );
}

/** Changes the open anomaly of a revision, and says the verdict if that makes one. Input for another anomaly comes too late: it changes nothing. */
function withAnomaly(
  model: ModelState,
  revision: string,
  { protection, time, only }: { protection: Protection; time: string; only?: string },
  change: (anomaly: OpenAnomaly) => OpenAnomaly,
): Step {
  const state = model.revisions[revision];
  if (!state?.anomaly || (only !== undefined && state.anomaly.id !== only)) return { state: model, events: [] };
  const anomaly = closeOverdue(change(state.anomaly), time);
  const decided = decide(model, revision, { ...state, anomaly }, { protection, time });
  return { state: withRevision(model, revision, decided.state), events: decided.events };
}

/** Every few seconds: counts since the last time, and groups whose labels did not come. */
export function tick(model: ModelState, { protection, time }: { protection: Protection; time: string }): Step {
  return Object.keys(model.revisions).reduce<Step>(
    (step, revision) => {
      const timed = withAnomaly(step.state, revision, { protection, time }, (anomaly) => anomaly);
      const { state, event } = closeWindow(timed.state, revision, { protection, time });
      return { state, events: [...step.events, ...timed.events, ...(event ? [event] : [])] };
    },
    { state: model, events: [] },
  );
}

function closeWindow(
  model: ModelState,
  revision: string,
  { protection, time }: { protection: Protection; time: string },
): { state: ModelState; event?: Caused } {
  const state = model.revisions[revision]!;
  const { from, n, labelled, correct } = state.window;
  if (n === 0 && labelled === 0) return { state: model };
  const { namespace, model: name } = model;
  const errorEvidence = evidence(state.errorWatch);
  const errorAlarm = errorEvidence >= protection.detection.budget;
  // A signal may lie between 0 and 1; counts are whole.
  const right = Math.min(labelled, Math.round(correct));
  const data = {
    namespace,
    model: name,
    revision,
    from,
    to: time,
    n,
    labelled,
    correct: right,
    errorEvidence,
    errorAlarm,
  };
  return {
    state: withRevision(model, revision, { ...state, window: { from: time, n: 0, labelled: 0, correct: 0 } }),
    event: caused('accuracy.window', `window/${namespace}/${name}/${revision}/${from}`, data),
  };
}

/** The policy has changed: revisions that are gone close their anomalies, those with another calibration start anew. */
export function reconcile(model: ModelState, { protection, time }: { protection: Protection; time: string }): Step {
  const revisions: ModelState['revisions'] = {};
  const events: Caused[] = [];
  for (const [revision, state] of Object.entries(model.revisions)) {
    const now = protection.revisions.get(revision);
    if (!now) {
      if (state.anomaly) events.push(...closingEvents(model, revision, state.anomaly, 'revision-gone', time));
      continue;
    }
    // An open anomaly keeps what its tests were opened with.
    const keep = now.calibrationId === state.calibration || state.anomaly !== null;
    revisions[revision] = keep ? state : openRevision(protection, revision, time, state);
  }
  return { state: { ...model, revisions }, events };
}

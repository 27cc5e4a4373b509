import type { AimLabel, AimSample, Sample } from '#contracts';
import { applySample } from './anomaly.js';
import { isWatched, type Caused, type Protection } from './context.js';
import { own } from './own.js';
import type { Position } from './position.js';
import { closingEvents } from './quiet.js';
import { declaration, errorWatchFor, openRevision, type Ignored } from './signals.js';
import type { ModelState, OpenAnomaly, RevisionState } from './state.js';
import { forgetIdle, unprotectedIn } from './unprotected.js';
import { addGroup, addLabel, closeOverdue, decide, secondsAfter } from './verdict.js';
import { closeWindow } from './window.js';

export type Message =
  { kind: 'samples'; samples: Sample[] } | { kind: 'aim'; aim: AimSample } | { kind: 'label'; label: AimLabel };

export interface Step {
  /** The very same object if nothing has changed. */
  state: ModelState;
  events: Caused[];
  ignored: Ignored[];
}

interface Now {
  protection: Protection;
  time: string;
}

/** Samples that name no revision belong to the only one that is protected. */
function revisionOf(sample: Sample, { revisions }: Protection): string {
  if (sample.revision !== undefined) return sample.revision;
  return revisions?.size === 1 ? [...revisions.keys()][0]! : 'unknown';
}

interface Cause {
  protection: Protection;
  at: Position;
  /** How many more revisions may be watched that no policy protects: anybody can name some, and each is remembered. */
  room: number;
}

const withRevision = (model: ModelState, revision: string, state: RevisionState): ModelState => ({
  ...model,
  revisions: { ...model.revisions, [revision]: state },
});

/** One message of one model, at its place in the stream. Pure: the same stream always gives the same events. */
export function applyMessage(model: ModelState, message: Message, cause: Cause): Step {
  if (message.kind === 'samples') return applySamples(model, message.samples, cause);
  const { protection, at } = cause;
  const { revision, anomalyId } = message.kind === 'aim' ? message.aim : message.label;
  const due = secondsAfter(at.time, protection.detection.labelDeadlineSeconds);
  return withAnomaly(model, revision, { protection, time: at.time, only: anomalyId }, (anomaly) =>
    message.kind === 'aim' ? addGroup(anomaly, message.aim, due) : addLabel(anomaly, message.label),
  );
}

function applySamples(model: ModelState, samples: readonly Sample[], { protection, at, room }: Cause): Step {
  const events: Caused[] = [];
  const ignored: Ignored[] = [];
  let state = model;
  samples.forEach((sample, index) => {
    const revision = revisionOf(sample, protection);
    if (!isWatched(protection, revision)) return ignored.push('unwatched-revision');
    const isNew = !own(state.revisions, revision);
    const opened = unprotectedIn(state, protection) - unprotectedIn(model, protection);
    if (protection.revisions === null && isNew && opened >= room) return ignored.push('too-many-unprotected');
    const applied = applySample(state, revision, sample, { protection, at, index });
    const decided = decide(state, revision, applied.state, { protection, time: at.time });
    state = withRevision(state, revision, decided.state);
    events.push(...applied.events, ...decided.events);
    return ignored.push(...applied.ignored);
  });
  return { state, events, ignored };
}

/** Changes the open anomaly of a revision, and says the verdict if that makes one. Input for another anomaly comes too late: it changes nothing. */
function withAnomaly(
  model: ModelState,
  revision: string,
  { protection, time, only }: Now & { only?: string },
  change: (anomaly: OpenAnomaly) => OpenAnomaly,
): Step {
  const state = own(model.revisions, revision);
  if (!state?.anomaly || (only !== undefined && state.anomaly.id !== only))
    return { state: model, events: [], ignored: [] };
  // Groups whose time was over before this came close before those that it completes.
  const anomaly = change(closeOverdue(state.anomaly, time));
  const { state: next, events } = decide(model, revision, { ...state, anomaly }, { protection, time });
  const same = next.anomaly === state.anomaly;
  return { state: same ? model : withRevision(model, revision, next), events, ignored: [] };
}

/** Every few seconds: counts since the last time, and groups whose labels did not come. */
export function tick(model: ModelState, now: Now): Step {
  const { state: known, events } = forgetIdle(model, now);
  let state = known;
  for (const revision of Object.keys(known.revisions)) {
    const timed = withAnomaly(state, revision, now, (anomaly) => anomaly);
    const window = closeWindow(timed.state, revision, timed.state.revisions[revision]!, now);
    events.push(...timed.events, ...window.events);
    state = window.events.length > 0 ? withRevision(timed.state, revision, window.state) : timed.state;
  }
  return { state, events, ignored: [] };
}

/** The policy has changed: revisions that are gone close their anomalies, those with other tolerances or rules start anew. */
export function reconcile(model: ModelState, { protection, time }: Now): Step {
  const events: Caused[] = [];
  let changed = false;
  const revisions = Object.entries(model.revisions).flatMap(([revision, state]): [string, RevisionState][] => {
    if (!isWatched(protection, revision)) {
      if (state.anomaly) events.push(...closingEvents(model, revision, state.anomaly, 'revision-gone', time));
      changed = true;
      return [];
    }
    const calibration = protection.revisions?.get(revision)?.calibrationId ?? null;
    if (calibration === state.calibration && declaration(protection, revision) === state.declared)
      return [[revision, state]];
    changed = true;
    // An open anomaly keeps the tests and signals that it was opened with.
    return state.anomaly
      ? [[revision, { ...state, errorWatch: errorWatchFor(protection, revision, state) }]]
      : [[revision, openRevision(protection, revision, time, state)]];
  });
  return { state: changed ? { ...model, revisions: Object.fromEntries(revisions) } : model, events, ignored: [] };
}

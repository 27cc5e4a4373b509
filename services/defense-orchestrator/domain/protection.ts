import { calibrationName, type EventData, type ProtectedRevision } from '#contracts';
import type { ModelFile } from './defense.js';
import { secondsBetween, type Draft } from './draft.js';
import type { CalibrationRecord, Context, ModelState, TrustedDataset } from './model.js';
import { moveTo } from './transition.js';

/** Streams keep a limited time: whoever starts late must still find the latest protection. */
const REPEAT_SECONDS = 3600;

const originOf = ({ policy, modelFile }: Context) => ({
  revision: policy.spec.target.revision,
  sha256: modelFile?.sha256 ?? null,
});

/** A model that has never been protected before. */
export function newModel(context: Context): ModelState {
  const { metadata, spec } = context.policy;
  return {
    namespace: metadata.namespace,
    model: spec.target.model,
    origin: originOf(context),
    serving: spec.target.revision,
    revisions: [firstRevision(context)],
    protection: { version: 0, at: context.now },
    calibrations: {},
    anomalies: {},
    seenAnomalies: [],
    defense: null,
    trainings: 0,
    lastEndAt: null,
  };
}

const firstRevision = ({ policy, modelFile }: Context): ProtectedRevision => ({
  revision: policy.spec.target.revision,
  modelFile,
  calibration: null,
  certified: false,
});

/**
 * After a start: what the policy file names counts only if a person has changed it since; otherwise what has been rolled out
 * meanwhile serves on. Published in any case, so that whoever follows is up to date.
 */
export function start(draft: Draft): void {
  const { model, context } = draft;
  const origin = originOf(context);
  if (origin.revision !== model.origin.revision || origin.sha256 !== model.origin.sha256) {
    if (draft.openDefense) moveTo(draft, draft.openDefense, 'failed', 'the policy names another model now');
    Object.assign(model, { origin, serving: origin.revision, anomalies: {}, revisions: [firstRevision(context)] });
  }
  for (const revision of model.revisions) {
    if (revision.modelFile) revision.calibration = calibrationOf(draft, revision.modelFile);
  }
  publishProtection(draft);
}

/** The calibration of a model file: known, or asked for now. A trainer that finds it in the artifact store answers at once. */
function calibrationOf(draft: Draft, modelFile: ModelFile): ModelFile | null {
  const { dataset } = draft.context;
  if (!dataset) return null;
  const { calibrations } = draft.model;
  const name = nameOf(draft, modelFile, dataset);
  const known = calibrations[modelFile.sha256];
  const record: CalibrationRecord = known?.name === name ? known : { name, file: null, jobId: null, attempts: 0 };
  calibrations[modelFile.sha256] = record;
  if (!record.file && !record.jobId) {
    record.attempts++;
    const jobId = `calibration.${shortened(name)}.${record.attempts}`;
    record.jobId = jobId;
    const { threatModel, training } = draft.spec;
    const job = { ...draft.name, jobId, defenseId: null, modelFile, dataset, threatModel, seed: training.seed };
    draft.publish('calibration.requested', jobId, job);
  }
  return record.file;
}

/** The same name with shorter hashes, which tell apart what one model will ever have. */
const shortened = (name: string): string =>
  name
    .replace(/^calibrations\/|\.json$/g, '')
    .split('-')
    .map((part) => part.slice(0, 16))
    .join('.');

function nameOf({ spec, context }: Draft, modelFile: ModelFile, dataset: TrustedDataset): string {
  const { threatModel, training } = spec;
  return calibrationName({ modelFile, dataset, threatModel, seed: training.seed }, context.calibrationMethod);
}

/** The calibration of a protected model is there: until now it was watched by labels and custom signals alone. */
export function calibrationArrived(draft: Draft, done: EventData<'calibration.completed'>): void {
  const record = draft.model.calibrations[done.modelSha256];
  if (record?.jobId !== done.jobId) return;
  record.file = done.calibration;
  record.jobId = null;
  for (const revision of draft.model.revisions) {
    if (revision.modelFile?.sha256 === done.modelSha256) revision.calibration = done.calibration;
  }
  publishProtection(draft);
}

/** It is asked for again at the next start. */
export function calibrationMissing(draft: Draft, failed: EventData<'calibration.failed'>): void {
  for (const record of Object.values(draft.model.calibrations)) {
    if (record.jobId === failed.jobId) record.jobId = null;
  }
}

/** The candidate is protected, with its own calibration, before it gets its first request. */
export function protectCandidate(draft: Draft, candidate: ProtectedRevision): void {
  const { dataset } = draft.context;
  const { modelFile, calibration, revision } = candidate;
  if (modelFile && dataset)
    draft.model.calibrations[modelFile.sha256] = {
      name: nameOf(draft, modelFile, dataset),
      file: calibration,
      jobId: null,
      attempts: 1,
    };
  draft.model.revisions = [...draft.model.revisions.filter((other) => other.revision !== revision), candidate];
  publishProtection(draft);
}

/** Revisions that no longer serve leave, with their anomalies and calibrations. */
export function protectOnly(draft: Draft, stays: (revision: ProtectedRevision) => boolean): void {
  const { model } = draft;
  model.revisions = model.revisions.filter(stays);
  const names = new Set(model.revisions.map(({ revision }) => revision));
  const files = new Set(model.revisions.map(({ modelFile }) => modelFile?.sha256));
  for (const name of Object.keys(model.anomalies)) if (!names.has(name)) delete model.anomalies[name];
  for (const sha256 of Object.keys(model.calibrations)) if (!files.has(sha256)) delete model.calibrations[sha256];
  publishProtection(draft);
}

export function repeatProtection(draft: Draft): void {
  if (secondsBetween(draft.model.protection.at, draft.now) >= REPEAT_SECONDS) publishProtection(draft);
}

function publishProtection(draft: Draft): void {
  const { model, name, now } = draft;
  model.protection = { version: model.protection.version + 1, at: now };
  const id = `protection.${name.namespace}.${name.model}.${model.protection.version}.${now}`;
  const { inputs, detection } = draft.spec;
  const revisions = structuredClone(model.revisions); // as it is now: a later part of the same step may change it again
  draft.publish('protection.updated', id, { ...name, inputs, detection, revisions });
}

export const protectedRevision = (draft: Draft, name: string): ProtectedRevision | undefined =>
  draft.model.revisions.find(({ revision }) => revision === name);

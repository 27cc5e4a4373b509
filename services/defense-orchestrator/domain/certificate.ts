import type { RecoveryCertificate } from '#contracts';
import type { Defense } from './defense.js';
import type { Draft } from './draft.js';
import { proportion } from './proportion.js';

/** What the defense has proved. null where a part of the proof is missing: then there is nothing to certify. */
export function certify(draft: Draft, defense: Defense): RecoveryCertificate | null {
  const { evaluation, deployment, during, after } = defense;
  const { dataset } = draft.context;
  if (!evaluation?.before || !evaluation.after || !deployment?.servingAt || !dataset) return null;
  return {
    ...draft.name,
    defenseId: defense.defenseId,
    issuedAt: draft.now,
    threatModel: draft.spec.threatModel,
    datasetSha256: dataset.sha256,
    before: evaluation.before,
    during: during && proportion(during.correct, during.labelled),
    after: evaluation.after,
    afterLive: after && proportion(after.correct, after.labelled),
    revisions: { before: defense.revision, after: deployment.revision },
    times: { alarmAt: defense.alarmAt, verdictAt: defense.verdictAt, servingAt: deployment.servingAt },
  };
}

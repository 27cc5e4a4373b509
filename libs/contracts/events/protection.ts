import { ModelRef, Name, Nullable, Sha256, Type, Uri, type Static } from '../schema.js';
import { Detection, InputContract } from '../policy.js';

const File = Type.Object({ uri: Uri, sha256: Sha256 });

export const ProtectedRevision = Type.Object({
  revision: Name,
  modelFile: Nullable(File),
  calibration: Nullable(File),
  certified: Type.Boolean({ description: 'this revision holds a recovery certificate' }),
});
export type ProtectedRevision = Static<typeof ProtectedRevision>;

/**
 * Everything that collectors and the detector need to know about a model, whole each time: model file and calibration switch
 * together, by revision. Published before a revision gets its first percent of traffic, and again at a rollback.
 */
export const ProtectionUpdated = Type.Object({
  ...ModelRef,
  inputs: Nullable(InputContract),
  detection: Detection,
  revisions: Type.Array(ProtectedRevision),
});
export type ProtectionUpdated = Static<typeof ProtectionUpdated>;

import { sha256, type ArtifactStore } from '#artifacts';
import { METHOD, type Calibration } from '#change-detection';
import type { ModelName, ProtectionUpdated } from '#contracts';
import { UNPROTECTED, type KnownRevision, type Protection } from '../domain/context.js';

const keyOf = ({ namespace, model }: ModelName) => `${namespace}/${model}`;

/**
 * The latest policy of each model, with the calibrations of its revisions from the artifact store. A revision whose calibration cannot
 * be read is watched without one, until it can.
 */
export class Protections {
  private readonly byModel = new Map<string, Protection>();
  /** What could not be read whole: the policy, and how many of its calibrations are missing. */
  private readonly incomplete = new Map<string, { policy: ProtectionUpdated; missing: number }>();
  private readonly calibrations = new Map<string, Calibration>();

  constructor(
    private readonly store: ArtifactStore,
    private readonly onUnreadable: (message: string) => void,
  ) {}

  of(model: ModelName): Protection {
    return this.byModel.get(keyOf(model)) ?? UNPROTECTED;
  }

  /** Policies to try again. */
  toRetry(): ProtectionUpdated[] {
    return [...this.incomplete.values()].map(({ policy }) => policy);
  }

  get unreadable(): number {
    return [...this.incomplete.values()].reduce((sum, { missing }) => sum + missing, 0);
  }

  async update(policy: ProtectionUpdated): Promise<void> {
    const known = await Promise.all(
      policy.revisions.map(async ({ revision, calibration }): Promise<[string, KnownRevision]> => {
        const content = calibration && (await this.read(calibration, `${keyOf(policy)} ${revision}`));
        return [revision, { calibrationId: content ? calibration.sha256 : null, calibration: content }];
      }),
    );
    const missing = policy.revisions.filter(({ calibration }, i) => calibration && !known[i]![1].calibration).length;
    this.byModel.set(keyOf(policy), { detection: policy.detection, revisions: new Map(known) });
    if (missing > 0) this.incomplete.set(keyOf(policy), { policy, missing });
    else this.incomplete.delete(keyOf(policy));
  }

  private async read(file: { uri: string; sha256: string }, whose: string): Promise<Calibration | null> {
    const known = this.calibrations.get(file.sha256);
    if (known) return known;
    try {
      const calibration = parse(file, await this.store.read(file.uri));
      this.calibrations.set(file.sha256, calibration);
      return calibration;
    } catch (error) {
      this.onUnreadable(`${whose} is watched without its calibration: ${(error as Error).message}`);
      return null;
    }
  }
}

/** The file is not the one that the policy means, or of another method. */
export class CalibrationFileError extends Error {
  override readonly name = 'CalibrationFileError';
}

function parse({ uri, sha256: expected }: { uri: string; sha256: string }, bytes: Uint8Array): Calibration {
  const actual = sha256(bytes);
  if (actual !== expected) throw new CalibrationFileError(`${uri} has SHA-256 ${actual}, the policy says ${expected}`);
  const content = JSON.parse(Buffer.from(bytes).toString('utf8')) as { method: string };
  if (content.method !== METHOD)
    throw new CalibrationFileError(
      `${uri} is of method ${content.method}, this detector needs ${METHOD}: make it again`,
    );
  return content as Calibration;
}

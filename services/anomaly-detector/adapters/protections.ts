import type { ArtifactStore } from '#artifacts';
import { METHOD, type Calibration } from '#change-detection';
import type { ModelName, ProtectionUpdated } from '#contracts';
import { UNPROTECTED, type Protection } from '../domain/context.js';

/** The latest policy of each model, with the calibrations of its revisions read from the artifact store. */
export class Protections {
  private readonly byModel = new Map<string, Protection>();
  private readonly calibrations = new Map<string, Calibration>();

  constructor(private readonly store: ArtifactStore) {}

  of({ namespace, model }: ModelName): Protection {
    return this.byModel.get(`${namespace}/${model}`) ?? UNPROTECTED;
  }

  async update({ namespace, model, detection, revisions }: ProtectionUpdated): Promise<void> {
    const known = await Promise.all(
      revisions.map(async ({ revision, calibration }) => {
        const read = calibration && (await this.read(calibration));
        return [revision, { calibrationId: calibration?.sha256 ?? null, calibration: read }] as const;
      }),
    );
    this.byModel.set(`${namespace}/${model}`, { detection, revisions: new Map(known) });
  }

  private async read({ uri, sha256 }: { uri: string; sha256: string }): Promise<Calibration> {
    let calibration = this.calibrations.get(sha256);
    if (!calibration) {
      calibration = JSON.parse(Buffer.from(await this.store.read(uri)).toString('utf8')) as Calibration;
      if (calibration.method !== METHOD)
        throw new Error(
          `calibration ${uri} is of method ${String(calibration.method)}, this detector needs ${METHOD}: make it again`,
        );
      this.calibrations.set(sha256, calibration);
    }
    return calibration;
  }
}

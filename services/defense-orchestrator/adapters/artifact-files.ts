import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sha256, type ArtifactStore } from '#artifacts';
import type { Defense, ModelFile } from '../domain/defense.js';
import type { ModelState, ResolvedPolicy } from '../domain/model.js';

/** What the orchestrator looks up in the artifact store, and keeps there. */
export class ArtifactFiles {
  constructor(
    private readonly store: ArtifactStore,
    private readonly root: string,
    private readonly method: string,
  ) {}

  /** Calibrations that are there already, by model hash: of the files that serve, and of the one that the policy names. */
  async calibrations(
    state: ModelState | null,
    { modelFile, dataset }: ResolvedPolicy,
  ): Promise<Record<string, ModelFile>> {
    if (!dataset) return {};
    const files = [modelFile, ...(state?.revisions ?? []).map((revision) => revision.modelFile)];
    const found: Record<string, ModelFile> = {};
    for (const { sha256: model } of files.filter((file) => file !== null)) {
      const uri = this.uri(`calibrations/${model}-${dataset.sha256}-${this.method}.json`);
      if (await this.store.exists(uri)) found[model] = { uri, sha256: sha256(await this.store.read(uri)) };
    }
    return found;
  }

  /** Under a name of its own, so that a step that is taken again writes the same file again. */
  async keepCertificate({ defenseId, certificate }: Defense): Promise<void> {
    const text = `${JSON.stringify(certificate, null, 2)}\n`;
    await this.store.write(`certificates/${encodeURIComponent(defenseId)}.json`, Buffer.from(text));
  }

  private uri(name: string): string {
    return pathToFileURL(join(resolve(this.root), name)).href;
  }
}

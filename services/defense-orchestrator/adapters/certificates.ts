import type { ArtifactStore } from '#artifacts';
import type { Defense } from '../domain/defense.js';

/** Under a name of its own, so that a step that is taken again writes the same file again. */
export async function keepCertificate(store: ArtifactStore, { defenseId, certificate }: Defense): Promise<void> {
  const text = `${JSON.stringify(certificate, null, 2)}\n`;
  await store.write(`certificates/${encodeURIComponent(defenseId)}.json`, Buffer.from(text));
}

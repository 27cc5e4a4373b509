import { readTrustedParts, sha256, type ArtifactStore, type Dataset, type TrustedPart } from '#artifacts';
import type { TrainingRequested } from '#contracts';
import { parseModel, type OnnxModel } from '#onnx-autodiff';

/** The job names bytes that are not there: no retry can help. */
export class WrongBytesError extends Error {
  override readonly name = 'WrongBytesError';
}

async function readExact(
  store: ArtifactStore,
  what: string,
  { uri, sha256: expected }: { uri: string; sha256: string },
): Promise<Uint8Array> {
  const bytes = await store.read(uri);
  const actual = sha256(bytes);
  if (actual !== expected) throw new WrongBytesError(`${what} ${uri} has SHA-256 ${actual}, the job names ${expected}`);
  return bytes;
}

export const readModel = async (store: ArtifactStore, file: { uri: string; sha256: string }): Promise<OnnxModel> =>
  parseModel(await readExact(store, 'model', file));

/** The trusted dataset in its disjoint parts. */
export const readParts = async (
  store: ArtifactStore,
  dataset: TrainingRequested['dataset'],
): Promise<Record<TrustedPart, Dataset>> =>
  readTrustedParts(await readExact(store, 'dataset', dataset), dataset.uri, dataset);

/** At most `most` rows; rows of a part come in the order of their hashes, so the first ones are a fair sample. */
export function firstRows(data: Dataset, most: number): Dataset {
  const n = Math.min(data.n, most);
  const features = data.x.length / data.n;
  return { ...data, n, x: data.x.subarray(0, n * features), y: data.y.subarray(0, n) };
}

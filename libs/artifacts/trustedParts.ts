import { type Dataset, readDataset } from './dataset.js';
import { DatasetError } from './errors.js';
import { splitByHash } from './split.js';

/** Fewest rows with which a part can do its work. */
const FEWEST = {
  /** More than a few batches. */
  training: 100,
  /** Tells checkpoints apart that differ by some 15 points. */
  validation: 50,
  /** What calibration needs to set and to check thresholds. */
  calibration: 150,
  /** A 95 % interval of ±10 points. */
  certificate: 100,
};
export type TrustedPart = keyof typeof FEWEST;

/** The trusted dataset in its disjoint parts. A part that is too small would prove nothing, so it is refused whichever part is asked for. */
export function readTrustedParts(
  bytes: Uint8Array,
  name: string,
  {
    inputs,
    shares,
  }: {
    inputs: { dims: readonly number[]; range: readonly [number, number]; classes: number };
    shares: Readonly<Record<TrustedPart, number>>;
  },
): Record<TrustedPart, Dataset> {
  const { dims, range, classes } = inputs;
  const { training, validation, calibration, certificate } = shares;
  const data = readDataset(bytes, name, { dims, range, classes });
  // In this order whatever the policy's: the parts lie one after the other on the scale of the hash.
  const parts = splitByHash(data, { training, validation, calibration, certificate });
  for (const part of Object.keys(FEWEST) as TrustedPart[]) {
    if (parts[part].n >= FEWEST[part]) continue;
    throw new DatasetError(
      name,
      `shares.${part}`,
      `leaves ${parts[part].n} of ${data.n} rows, and ${FEWEST[part]} are needed: give it a larger share, or bring more rows`,
    );
  }
  return parts;
}

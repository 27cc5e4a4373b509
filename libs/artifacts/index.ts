export { type Dataset, type DatasetOptions, readDataset, readIdxDataset } from './dataset.js';
export { ArtifactNotFoundError, ArtifactRefusedError, ArtifactTooLargeError, DatasetError } from './errors.js';
export { readImageFolder } from './imageFolder.js';
export type { NpyArray, NpyData } from './npy.js';
export { readNpz, writeNpz } from './npz.js';
export { sha256 } from './sha256.js';
export { pickRows, splitByHash } from './split.js';
export { readTrustedParts, type TrustedPart } from './trustedParts.js';
export { artifactStore, type ArtifactStore, type ArtifactStoreOptions } from './store.js';

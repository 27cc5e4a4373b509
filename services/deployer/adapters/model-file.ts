import {
  ArtifactNotFoundError,
  ArtifactRefusedError,
  ArtifactTooLargeError,
  sha256,
  type ArtifactStore,
} from '#artifacts';

interface ModelFile {
  uri: string;
  sha256: string;
}

/** Why the candidate's file must not be loaded, if so: it has to be the one that was judged. */
export async function fileProblem(store: ArtifactStore, file: ModelFile): Promise<string | undefined> {
  try {
    const found = sha256(await store.read(file.uri));
    return found === file.sha256 ? undefined : `${file.uri} has SHA-256 ${found}, not ${file.sha256} as was judged`;
  } catch (error) {
    const final = [ArtifactNotFoundError, ArtifactRefusedError, ArtifactTooLargeError].some(
      (kind) => error instanceof kind,
    );
    if (final) return (error as Error).message;
    throw error; // the disk, the network: the request is delivered again
  }
}

/** The URI is not one this store serves: another scheme, or a path outside its folders. */
export class ArtifactRefusedError extends Error {
  override readonly name = 'ArtifactRefusedError';
}

export class ArtifactNotFoundError extends Error {
  override readonly name = 'ArtifactNotFoundError';
}

export class ArtifactTooLargeError extends Error {
  override readonly name = 'ArtifactTooLargeError';
}

/** A file that is not what it should be; `field` is the part of it that is wrong (an array's name, `labels`, `archive`). */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';

  constructor(
    readonly file: string,
    readonly field: string,
    problem: string,
  ) {
    super(oneLine(`${file}: ${field}: ${problem}`));
  }
}

const LONGEST = 500;

/** Messages repeat names from files, which may hold anything. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)} ...` : line;
}

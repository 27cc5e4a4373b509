const BLOCK = 512;

/** The plain files of a tar archive (ustar), by path. */
export function* filesOfTar(tar: Uint8Array): Generator<readonly [path: string, bytes: Uint8Array]> {
  const text = (start: number, length: number): string =>
    Buffer.from(tar.subarray(start, start + length))
      .toString('latin1')
      .replace(/\0[^]*$/, '');
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const [name, size, kind, folder] = [text(at, 100), text(at + 124, 12), text(at + 156, 1), text(at + 345, 155)];
    const length = parseInt(size, 8);
    if (kind === '0' || kind === '') {
      yield [folder === '' ? name : `${folder}/${name}`, tar.subarray(at + BLOCK, at + BLOCK + length)];
    }
    at += BLOCK + Math.ceil(length / BLOCK) * BLOCK;
  }
}

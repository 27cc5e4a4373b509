import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { ArtifactNotFoundError, ArtifactRefusedError, ArtifactTooLargeError, artifactStore, sha256 } from './index.js';

const bytes = new TextEncoder().encode('abc');
let base: string;
let root: string;
const uri = (...path: string[]) => pathToFileURL(join(base, ...path)).href;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'artifacts-'));
  root = join(base, 'root');
  await writeFile(join(base, 'secret'), 'secret');
});
afterEach(() => rm(base, { recursive: true }));

describe('artifactStore', () => {
  it('reads back what it wrote, under the hash of FIPS 180-2', async () => {
    const store = artifactStore({ root });
    const written = await store.write('jobs/1/model.onnx', bytes);
    expect(written.sha256).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(written.uri).toBe(uri('root', 'jobs', '1', 'model.onnx'));
    expect(await store.read(written.uri)).toEqual(bytes);
    expect(await store.exists(written.uri)).toBe(true);
  });

  it('replaces as a whole and leaves no temporary files', async () => {
    const store = artifactStore({ root });
    await store.write('model', bytes);
    const contents = Array.from({ length: 8 }, (_, i) => new Uint8Array(50_000).fill(i));
    const written = await Promise.all(contents.map((content) => store.write('model', content)));
    const read = await store.read(written[0]!.uri);
    expect(written.map((result) => result.sha256)).toContain(sha256(read));
    expect(await readdir(root)).toEqual(['model']);
  });

  it('removes what it wrote, once or again, and nothing elsewhere', async () => {
    const store = artifactStore({ root, readable: [base] });
    const { uri: written } = await store.write('jobs/1.ckpt', bytes);
    await store.remove('jobs/1.ckpt');
    await store.remove('jobs/1.ckpt');
    expect(await store.exists(written)).toBe(false);
    await expect(store.remove('../secret')).rejects.toThrow(ArtifactRefusedError);
    await symlink(base, join(root, 'out'));
    await expect(store.remove('out/secret')).rejects.toThrow(ArtifactRefusedError);
  });

  it('reads other folders only where allowed, and bounded in size', async () => {
    await mkdir(join(base, 'models'));
    await writeFile(join(base, 'models', 'm'), bytes);
    await expect(artifactStore({ root }).read(uri('models', 'm'))).rejects.toThrow(ArtifactRefusedError);
    const store = artifactStore({ root, readable: [join(base, 'models')], maxBytes: 3 });
    expect(await store.read(uri('models', 'm'))).toEqual(bytes);
    await writeFile(join(base, 'models', 'm'), 'abcd');
    await expect(store.read(uri('models', 'm'))).rejects.toThrow(ArtifactTooLargeError);
  });

  it('says what is not there', async () => {
    const store = artifactStore({ root });
    await expect(store.read(uri('root', 'none'))).rejects.toThrow(ArtifactNotFoundError);
    expect(await store.exists(uri('root', 'none'))).toBe(false);
  });

  it('refuses every way out of its folders', async () => {
    await mkdir(root);
    await symlink(join(base, 'secret'), join(root, 'link'));
    await symlink(base, join(root, 'up'));
    const store = artifactStore({ root });
    const ways = [
      uri('secret'),
      `${uri('root')}/../secret`,
      `${uri('root')}/%2e%2e/secret`,
      `${uri('root')}/..%2fsecret`,
    ];
    const others = [
      uri('root', 'link'),
      uri('root', 'up', 'secret'),
      uri('root'),
      'file://host/x',
      's3://bucket/x',
      'x',
    ];
    for (const way of [...ways, ...others]) await expect(store.read(way)).rejects.toThrow(ArtifactRefusedError);
    for (const name of ['../x', '/x', 'a/../../x', '.', '', 'a/', 'up/x', 'a\0b']) {
      await expect(store.write(name, bytes)).rejects.toThrow(ArtifactRefusedError);
    }
    expect((await readdir(base)).sort()).toEqual(['root', 'secret']);
  });
});

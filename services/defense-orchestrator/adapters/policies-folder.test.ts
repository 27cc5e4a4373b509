import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { artifactStore, sha256 } from '#artifacts';
import { policyDocument, trustedNpz } from '../testing/events.js';
import { PolicyError, readPolicies } from './policies-folder.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'antibody-policies-'));
  await writeFile(join(root, 'model.onnx'), 'a model');
  await writeFile(join(root, 'trusted.npz'), trustedNpz());
  await writeFile(join(root, 'no.npz'), 'a dataset');
});
afterAll(() => rm(root, { recursive: true }));

const uri = (name: string) => pathToFileURL(join(root, name)).href;
const document = () => policyDocument({}, { model: uri('model.onnx'), data: uri('trusted.npz') });

async function read(files: Record<string, unknown>) {
  const folder = await mkdtemp(join(root, 'folder-'));
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, name), typeof content === 'string' ? content : stringify(content));
  return readPolicies(folder, artifactStore({ root }));
}

const refusal = async (content: unknown) => {
  const error: unknown = await read({ 'digits.yaml': content }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(PolicyError);
  return (error as Error).message;
};
const withSpec = (spec: object) => ({ ...document(), spec: { ...document().spec, ...spec } });

describe('the policy folder', () => {
  it('gives each policy with the hashes of what it names, by namespace and model', async () => {
    const { policies } = await read({ 'digits.yaml': document(), 'README.md': 'not a policy' });
    expect([...policies.keys()]).toEqual(['ml/digits']);
    expect(policies.get('ml/digits')).toMatchObject({
      modelFile: { uri: uri('model.onnx'), sha256: sha256(Buffer.from('a model')) },
      dataset: { sha256: sha256(trustedNpz()), inputs: { classes: 10 }, shares: { training: 0.75 } },
    });
  });

  it('knows models without an artifact', async () => {
    const bare = withSpec({ artifact: null, trustedDataset: null, inputs: null });
    expect((await read({ 'bare.yml': bare })).policies.get('ml/digits')).toMatchObject({
      modelFile: null,
      dataset: null,
    });
  });

  it.each([
    ['a wrong value', () => withSpec({ approval: 'perhaps' }), /^digits\.yaml: .*"spec\.approval"/],
    ['an unknown field', () => withSpec({ colour: 'red' }), /^digits\.yaml: .*"spec\.colour" is not known/],
    ['no YAML', () => 'not: [a policy', /^digits\.yaml: is not YAML: /],
    ['an empty file', () => '', /^digits\.yaml: /],
    [
      'another model than declared',
      () => withSpec({ artifact: { uri: uri('model.onnx'), sha256: 'f'.repeat(64) } }),
      /^digits\.yaml: field "spec\.artifact\.sha256" is f{64}, but file:.* has [0-9a-f]{64}$/,
    ],
    [
      'a dataset that is not there',
      () => withSpec({ trustedDataset: { uri: uri('nothing.npz') } }),
      /^digits\.yaml: field "spec\.trustedDataset\.uri": there is no file/,
    ],
    [
      'a dataset that is none',
      () => withSpec({ trustedDataset: { uri: uri('no.npz') } }),
      /^digits\.yaml: field "spec\.trustedDataset": file:.*no\.npz: /,
    ],
    [
      'shares that leave a part without rows',
      () => withSpec({ trustedDataset: { uri: uri('trusted.npz'), shares: { certificate: 1e-9 } } }),
      /^digits\.yaml: field "spec\.trustedDataset": .*: shares\.certificate: leaves 0 of 2000 rows, and 100 are needed/,
    ],
    [
      'a file outside the folders that may be read',
      () => withSpec({ artifact: { uri: 'file:///etc/passwd' } }),
      /^digits\.yaml: field "spec\.artifact\.uri": .* is outside/,
    ],
  ])('refuses %s in one line that names file and field', async (_, content, message) => {
    const said = await refusal(content());
    expect(said).toMatch(message);
    expect(said).not.toContain('\n');
  });

  it('refuses a second policy for one model', async () => {
    const { policies, refused } = await read({ 'a.yaml': document(), 'b.yaml': document() });
    expect(policies.size).toBe(1);
    expect(refused.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^b\.yaml: field "spec\.target\.model"/),
    ]);
  });

  it('protects the other models when one policy is refused', async () => {
    const { policies, refused } = await read({ 'a.yaml': withSpec({ approval: 'perhaps' }), 'b.yaml': document() });
    expect([...policies.keys()]).toEqual(['ml/digits']);
    expect(refused).toEqual([expect.objectContaining({ message: expect.stringMatching(/^a\.yaml: .*approval/) })]);
  });

  it('says when the folder is not there', async () => {
    await expect(readPolicies(join(root, 'none'), artifactStore({ root }))).rejects.toThrow(/^none: cannot be read/);
  });
});

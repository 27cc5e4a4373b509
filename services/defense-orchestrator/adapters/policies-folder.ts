import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { DatasetError, readTrustedParts, sha256, type ArtifactStore } from '#artifacts';
import { InvalidInputError, parsePolicy, type RobustnessPolicy } from '#contracts';
import type { ResolvedPolicy } from '../domain/model.js';

/** A policy that cannot be followed. The message names the file and the field. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  constructor(file: string, problem: string) {
    super(`${basename(file)}: ${problem.split('\n')[0]}`);
  }
}

export const keyOf = (name: { namespace: string; model: string }) => `${name.namespace}/${name.model}`;
export type Policies = ReadonlyMap<string, ResolvedPolicy>;

export interface PoliciesFolder {
  policies: Policies;
  /** Files that cannot be followed: the models of the others are protected all the same. */
  refused: readonly PolicyError[];
}

/** Every policy of a folder with the hashes of what it names, by namespace and model. Throws where there is nothing but refusals. */
export async function readPolicies(folder: string, store: ArtifactStore): Promise<PoliciesFolder> {
  const files = (await readdir(folder).catch((error: Error) => refuse(folder, `cannot be read: ${error.message}`)))
    .filter((name) => /\.ya?ml$/.test(name))
    .sort();
  const policies = new Map<string, ResolvedPolicy>();
  const refused: PolicyError[] = [];
  for (const name of files) {
    const file = join(folder, name);
    try {
      const resolved = await resolve(file, await readPolicy(file), store);
      const { metadata, spec } = resolved.policy;
      const key = keyOf({ namespace: metadata.namespace, model: spec.target.model });
      if (policies.has(key)) refuse(file, `field "spec.target.model": ${key} has a policy already`);
      policies.set(key, resolved);
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      refused.push(error);
    }
  }
  if (refused[0] && policies.size === 0) throw refused[0];
  return { policies, refused };
}

async function readPolicy(file: string): Promise<RobustnessPolicy> {
  const text = await readFile(file, 'utf8');
  try {
    return parsePolicy(parseYaml(text));
  } catch (error) {
    const known = error instanceof InvalidInputError;
    return refuse(file, known ? error.message : `is not YAML: ${(error as Error).message}`);
  }
}

async function resolve(file: string, policy: RobustnessPolicy, store: ArtifactStore): Promise<ResolvedPolicy> {
  const { artifact, trustedDataset, inputs } = policy.spec;
  const modelFile = artifact && (await hashed(file, 'spec.artifact', artifact, store)).named;
  if (!trustedDataset || !inputs) return { policy, modelFile, dataset: null };
  const { named, bytes } = await hashed(file, 'spec.trustedDataset', trustedDataset, store);
  const dataset = { ...named, inputs, shares: trustedDataset.shares };
  checkDataset(file, bytes, dataset);
  return { policy, modelFile, dataset };
}

/** Now, and not by the first job that fails: every part has to have its rows. */
function checkDataset(file: string, bytes: Uint8Array, dataset: NonNullable<ResolvedPolicy['dataset']>): void {
  try {
    readTrustedParts(bytes, dataset.uri, dataset);
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    refuse(file, `field "spec.trustedDataset": ${error.message}`);
  }
}

async function hashed(file: string, field: string, declared: { uri: string; sha256?: string }, store: ArtifactStore) {
  const bytes = await store
    .read(declared.uri)
    .catch((error: Error) => refuse(file, `field "${field}.uri": ${error.message}`));
  const found = sha256(bytes);
  if (declared.sha256 && declared.sha256 !== found)
    refuse(file, `field "${field}.sha256" is ${declared.sha256}, but ${declared.uri} has ${found}`);
  return { named: { uri: declared.uri, sha256: found }, bytes };
}

function refuse(file: string, problem: string): never {
  throw new PolicyError(file, problem);
}

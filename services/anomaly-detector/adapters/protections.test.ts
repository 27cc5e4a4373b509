import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactStore, sha256 } from '#artifacts';
import { DEFAULT_DETECTION, type ProtectionUpdated } from '#contracts';
import { literalCalibration } from '../testing/calibration.js';
import { Protections } from './protections.js';

const OF = { namespace: 'ml', model: 'm' };
let folder: string;
let errors: string[];
let protections: Protections;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antibody-protections-'));
  errors = [];
  protections = new Protections(artifactStore({ root: folder }), (message) => errors.push(message));
});
afterEach(() => rm(folder, { recursive: true }));

/** A policy for r1 and r2, and the calibration's file if it is to be there. */
async function policy(content: string, written: string | null = content): Promise<ProtectionUpdated> {
  const path = join(folder, 'calibration.json');
  await rm(path, { force: true });
  if (written !== null) await writeFile(path, written);
  const calibration = { uri: `file://${path}`, sha256: sha256(Buffer.from(content)) };
  const revision = { modelFile: null, certified: false };
  const revisions = [
    { ...revision, revision: 'r1', calibration },
    { ...revision, revision: 'r2', calibration: null },
  ];
  return { ...OF, inputs: null, detection: DEFAULT_DETECTION, revisions };
}
const good = JSON.stringify(literalCalibration(['aim']));

it('knows a policy with its calibrations', async () => {
  await protections.update(await policy(good));
  expect(protections.of(OF).revisions?.get('r1')).toEqual({
    calibrationId: sha256(Buffer.from(good)),
    calibration: JSON.parse(good) as unknown,
  });
  expect([protections.unreadable, errors, protections.toRetry()]).toEqual([0, [], []]);
  expect(protections.of({ namespace: 'ml', model: 'other' }).revisions).toBeNull();
});

it('watches a revision without a calibration that cannot be read, until it can', async () => {
  const missing = await policy(good, null);
  await protections.update(missing);
  const none = { calibrationId: null, calibration: null };
  expect([...protections.of(OF).revisions!]).toEqual([
    ['r1', none],
    ['r2', none],
  ]);
  expect(errors).toEqual([expect.stringContaining('ml/m r1 is watched without its calibration')]);
  expect([protections.unreadable, protections.toRetry()]).toEqual([1, [missing]]);
  await policy(good);
  await protections.update(missing);
  expect(protections.of(OF).revisions?.get('r1')?.calibration).not.toBeNull();
  expect(protections.toRetry()).toEqual([]);
});

it.each([
  ['another file than the policy means', good, `${good} `, /SHA-256/],
  ['another method', '{"method":"older"}', '{"method":"older"}', /is of method older/],
  ['no JSON', 'x', 'x', /JSON/],
])('does not use %s', async (_what, content, written, reason) => {
  await protections.update(await policy(content, written));
  expect(protections.of(OF).revisions?.get('r1')?.calibration).toBeNull();
  expect(errors[0]).toMatch(reason);
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { CALIBRATION_FILE } from './demo-model.js';
import { runBuilt } from './programs.js';
import { sameNumbers } from './same-numbers.js';

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

it('the demo’s model comes with its own calibration', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'antibody-calibration-'));
  try {
    const file = join(folder, 'calibration.json');
    await runBuilt('scripts/calibrate-demo-model.js', [file]);
    expect(sameNumbers(readJson(file), readJson(CALIBRATION_FILE))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 600_000);

/** Writes the digits as one `.npz`, the form in which a policy names its trusted dataset: `node dist/scripts/make-digits.js [file]`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { sha256, writeNpz } from '#artifacts';

import { digitImages, digitParts } from '../libs/testbed/digits.js';

const file = process.argv[2] ?? '.antibody/digits.npz';
const { pixels, labels, n } = digitImages();
const bytes = writeNpz({ x: { shape: [n, 1, 28, 28], data: pixels }, y: { shape: [n], data: labels } });
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, bytes);
console.log(`${file}: ${n} digits, ${bytes.length} bytes, sha256 ${sha256(bytes)}`);
for (const [part, data] of Object.entries(digitParts())) console.log(`  ${part.padEnd(12)} ${data.n}`);

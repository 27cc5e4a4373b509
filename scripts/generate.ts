// Writes the generated documents that are committed; `--check` only tells whether they are up to date.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documents } from '#contracts';

const check = process.argv.includes('--check');
const folder = 'libs/contracts/generated';
mkdirSync(folder, { recursive: true });

const stale: string[] = [];
const wanted = documents();
for (const [name, content] of wanted) {
  const path = join(folder, name);
  const text = `${JSON.stringify(content, null, 2)}\n`;
  let present = '';
  try {
    present = readFileSync(path, 'utf8');
  } catch {
    // a new document
  }
  if (present === text) continue;
  stale.push(path);
  if (!check) writeFileSync(path, text);
}
for (const name of readdirSync(folder)) {
  if (wanted.has(name)) continue;
  stale.push(join(folder, name));
  if (!check) rmSync(join(folder, name));
}

if (check && stale.length) {
  console.error(`not up to date, run "npm run generate":\n  ${stale.join('\n  ')}`);
  process.exit(1);
}
console.log(stale.length ? `wrote ${stale.length} documents` : 'generated documents are up to date');

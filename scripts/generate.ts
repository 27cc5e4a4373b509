// Writes the generated documents that are committed; `--check` only tells whether they are up to date.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { documents, natsUsers } from '#contracts';
import { DemoResult } from '#testbed';
import { openApi } from '../services/defense-orchestrator/handlers/api.js';
import { policyReference } from './policy-reference.js';

const check = process.argv.includes('--check');
const schemas = 'libs/contracts/generated';

const json = (content: object) => `${JSON.stringify(content, null, 2)}\n`;
const wanted = new Map([...documents()].map(([name, content]) => [join(schemas, name), json(content)]));
wanted.set(join(schemas, 'nats-users.conf'), natsUsers());
wanted.set('docs/policy.md', policyReference());
wanted.set('services/defense-orchestrator/generated/openapi.json', json(openApi()));
wanted.set('docs/demo-result.schema.json', json({ title: 'Result of npm run demo -- --json', ...DemoResult }));

const present = (path: string) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const stale = [...wanted].filter(([path, text]) => present(path) !== text).map(([path]) => path);
mkdirSync(schemas, { recursive: true });
const gone = readdirSync(schemas)
  .map((name) => join(schemas, name))
  .filter((path) => !wanted.has(path));

if (check && stale.length + gone.length) {
  console.error(`not up to date, run "npm run generate":\n  ${[...stale, ...gone].join('\n  ')}`);
  process.exit(1);
}
for (const path of stale) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, wanted.get(path)!);
}
gone.forEach((path) => rmSync(path));
console.log(
  stale.length + gone.length ? `wrote ${stale.length}, removed ${gone.length}` : 'generated documents are up to date',
);

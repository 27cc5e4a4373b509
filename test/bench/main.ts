/** `npm run bench`: see README.md beside this file. */
import { benches } from './benches.js';
import { thisMachine } from './machine.js';
import { helpOf, listOf, parseOptions, UsageError, type BenchOptions } from './options.js';
import { summarize } from './summary.js';
import { headOf, tableOf } from './table.js';

function readOptions(): BenchOptions {
  try {
    return parseOptions(process.argv.slice(2), benches);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

const options = readOptions();
if (options.action !== 'run') {
  process.stdout.write(options.action === 'help' ? helpOf(benches) : listOf(benches));
  process.exit(0);
}

const show = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);
const machine = thisMachine();
show(headOf(machine));
const results = [];
let failed = false;
for (const bench of options.benches) {
  const { name, description } = bench;
  show(`\n${name}: ${description}`);
  const began = performance.now();
  try {
    const { measures, notes } = await bench.run((line) => void process.stderr.write(`  ... ${line}\n`));
    const summaries = measures.map(summarize);
    const seconds = Math.round((performance.now() - began) / 1000);
    show([tableOf(summaries), ...notes.map((note) => `  ${note}`), `  (${seconds} s)`].join('\n'));
    results.push({ name, seconds, measures: summaries, notes });
  } catch (error) {
    failed = true;
    show(`  failed: ${(error as Error).message}`);
    results.push({ name, error: (error as Error).message });
  }
}
if (options.json) process.stdout.write(`${JSON.stringify({ machine, benches: results })}\n`);
process.exitCode = failed ? 1 : 0;

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAttack } from './attack.js';
import { runBadCandidate } from './bad-candidate.js';
import { HELP, UsageError, parseOptions, type DemoOptions, type Scenario } from './options.js';
import { runClean, runDrift } from './others.js';
import type { DemoResult } from './result.js';
import { startRun, type Run } from './scenario.js';
import { terminalView } from './view.js';

const SCENARIO: Record<Scenario, (run: Run) => Promise<DemoResult>> = {
  attack: runAttack,
  drift: runDrift,
  clean: runClean,
  'bad-candidate': runBadCandidate,
};

function readOptions(): DemoOptions {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options !== 'help') return options;
    process.stdout.write(HELP);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

/** Each a line to put before a command: `NATS_URL=... node dist/examples/subscribe.js`. */
function sayUsers({ stack, view }: Run): void {
  view.line('to take part from outside, put one of these before the command (examples/README.md):');
  for (const user of ['publisher', 'observer', 'foreign-trainer', 'operator'] as const)
    view.line(
      Object.entries(stack.nats.environmentOf(user))
        .map((variable) => variable.join('='))
        .join(' '),
    );
}

const options = readOptions();
const view = terminalView(options.json ? process.stderr : process.stdout, () => performance.now());
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    view.line('stopping, which may take some seconds ...');
    interrupted.abort();
  });
const untilInterrupted = new Promise<void>((resolve) => interrupted.signal.addEventListener('abort', () => resolve()));

const folder = mkdtempSync(join(tmpdir(), 'antibody-demo-'));
let run: Run | undefined;
let exitCode = 1;
try {
  run = await startRun(options, {
    folder,
    view,
    clock: () => performance.now(),
    signal: interrupted.signal,
    // The bad candidate comes from another trainer: ours leaves the trainings to it.
    env: options.scenario === 'bad-candidate' ? { trainer: { TRAINER_JOBS: 'evaluation,calibration' } } : {},
  });
  if (options.keep) sayUsers(run);
  const result = await Promise.race([SCENARIO[options.scenario](run), untilInterrupted]);
  if (result) {
    exitCode = result.ok ? 0 : 1;
    view.heading(result.ok ? 'As it should be' : 'Not as it should be');
    view.line(result.explanation);
    view.line(`models, reports and logs: ${folder}`);
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    if (options.keep) {
      view.line('everything goes on running until Ctrl-C');
      await untilInterrupted;
    }
  }
} catch (error) {
  if (error instanceof UsageError) {
    console.error(error.message);
    rmSync(folder, { recursive: true, force: true });
    process.exit(2);
  }
  if (!interrupted.signal.aborted) view.line(`failed: ${(error as Error).message}\nlogs: ${join(folder, 'logs')}`);
} finally {
  await run?.stop();
}
if (interrupted.signal.aborted && !options.keep) {
  rmSync(folder, { recursive: true, force: true });
  exitCode = 130;
}
process.exit(exitCode);

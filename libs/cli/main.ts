#!/usr/bin/env node
import { INTERRUPTED, run } from './run.js';
import { terminal } from './terminal.js';

// `npm run` starts scripts in the package's folder; file names are meant from where the user stands.
if (process.env.npm_lifecycle_event === 'antibody' && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);

const abort = new AbortController();
const interrupt = () => {
  if (abort.signal.aborted) process.exit(INTERRUPTED); // asked twice: at once
  abort.abort();
};
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);

process.exitCode = await run(process.argv.slice(2), {
  terminal: terminal(process.stderr),
  signal: abort.signal,
  now: () => performance.now(),
  print: (text) => process.stdout.write(`${text}\n`),
  complain: (text) => process.stderr.write(`${text}\n`),
});

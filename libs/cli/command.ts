import type { Arguments } from './arguments.js';
import type { Terminal } from './terminal.js';

export interface Command {
  /** One line for the list of commands. */
  summary: string;
  help: string;
  options: { values: readonly string[]; flags?: readonly string[] };
  run(args: Arguments, context: Context): Promise<Outcome>;
}

export interface Context {
  terminal: Terminal;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** Milliseconds on a clock that never goes back. */
  now: () => number;
}

export interface Outcome {
  /** 0: done; 1: a gate failed. */
  code: 0 | 1;
  /** What `--json` prints. */
  json: object;
  /** What is printed without it. */
  text: string;
}

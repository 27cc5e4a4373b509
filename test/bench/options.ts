import { parseArgs } from 'node:util';
import type { Bench } from './bench.js';

export interface BenchOptions {
  action: 'run' | 'list' | 'help';
  benches: Bench[];
  json: boolean;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the command line. Throws UsageError naming the option. */
export function parseOptions(args: string[], all: readonly Bench[]): BenchOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        only: { type: 'string', multiple: true, default: [] },
        list: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}; see --help`);
  }
  const { only, list, json, help } = values;
  const unknown = only.find((name) => all.every((bench) => bench.name !== name));
  if (unknown !== undefined)
    throw new UsageError(`--only must be one of ${all.map(({ name }) => name).join(', ')}, not "${unknown}"`);
  return {
    action: help ? 'help' : list ? 'list' : 'run',
    benches: all.filter(({ name }) => only.length === 0 || only.includes(name)),
    json,
  };
}

export const listOf = (all: readonly Bench[]): string =>
  all.map(({ name, description }) => `  ${name.padEnd(10)} ${description}\n`).join('');

export const helpOf = (all: readonly Bench[]): string => `Measures Antibody on this machine.

  npm run bench                                       all benches, some minutes
  npm run bench -- --only training --only pipeline    some of them

${listOf(all)}
Options
  --only NAME   this bench alone; may be repeated
  --list        names and descriptions
  --json        one JSON object on standard output, progress on standard error
  --help
`;

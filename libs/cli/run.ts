import { CheckpointError, InvalidArgumentError, MemoryLimitError } from '#adversarial';
import { DatasetError } from '#artifacts';
import { MalformedModelError, UnsupportedModelError } from '#onnx-autodiff';

import { readArguments } from './arguments.js';
import type { Command, Context } from './command.js';
import { attack } from './commands/attack.js';
import { evaluate } from './commands/evaluate.js';
import { harden } from './commands/harden.js';
import { inspect } from './commands/inspect.js';
import { UsageError } from './errors.js';
import { silent, type Terminal } from './terminal.js';

export const commands: Readonly<Record<string, Command>> = { inspect, evaluate, harden, attack };

export const INTERRUPTED = 130;
const BAD_INPUT = 2;
const BUG = 70;

export interface Surroundings extends Context {
  print: (text: string) => void;
  complain: (text: string) => void;
}

/** Runs one command line and gives the exit code. */
export async function run([name, ...args]: readonly string[], surroundings: Surroundings): Promise<number> {
  const { print, complain, terminal, signal } = surroundings;
  let view: Terminal = terminal;
  try {
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      print(overview());
      return name === undefined ? BAD_INPUT : 0;
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!command) throw new UsageError(`there is no command "${name}"; commands: ${Object.keys(commands).join(', ')}`);
    const parsed = readArguments(args, command.options);
    if (parsed === 'help') {
      print(command.help.trimEnd());
      return 0;
    }
    if (parsed.common.quiet) view = silent;
    const { code, json, text } = await command.run(parsed, { ...surroundings, terminal: view });
    view.clear();
    print(parsed.common.json ? JSON.stringify(json, null, 2) : text);
    return code;
  } catch (error) {
    view.clear();
    if (signal.aborted) {
      complain('antibody: interrupted');
      return INTERRUPTED;
    }
    if (BAD_INPUTS.some((kind) => error instanceof kind)) {
      complain(`antibody: ${(error as Error).message}`);
      return BAD_INPUT;
    }
    complain(`antibody: this is a bug: ${error instanceof Error ? error.stack : String(error)}`);
    return BUG;
  }
}

const BAD_INPUTS = [
  ...[UsageError, DatasetError, MalformedModelError, UnsupportedModelError, InvalidArgumentError, CheckpointError],
  MemoryLimitError,
];

function overview(): string {
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return [
    'antibody: hardens ONNX classifiers against adversarial inputs, and measures how they stand.',
    '',
    'antibody COMMAND MODEL.onnx [options]; antibody COMMAND --help explains and shows an example',
    '',
    ...list,
  ].join('\n');
}

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

import { type EngineName, engineNames, memoryBytes } from '#executors';

import { UsageError } from './errors.js';

/** The options of one command line, read by name; every reader throws a UsageError that names the option. */
export interface Arguments {
  /** The model file, which every command works on. */
  readonly model: string;
  readonly common: CommonOptions;
  text(name: string): string | undefined;
  required(name: string, example: string): string;
  flag(name: string): boolean;
  number(name: string, limits: Limits & { fallback?: number }): number;
  integer(name: string, limits: Limits & { fallback?: number }): number;
  oneOf<T extends string>(name: string, allowed: readonly T[], fallback?: T): T;
  /** Any of the names, separated by commas. */
  someOf<T extends string>(name: string, allowed: readonly T[], fallback: readonly T[]): T[];
  /** Two numbers, the smaller one first: `0,1`. */
  range(name: string, fallback: readonly [number, number]): readonly [number, number];
  /** Numbers separated by commas; undefined where the option is not given. */
  numbers(name: string): number[] | undefined;
  /** `90s`, `10m`, `1h30m` or plain seconds; in seconds. */
  duration(name: string): number | undefined;
}

export interface CommonOptions {
  json: boolean;
  quiet: boolean;
  seed: number;
  threads: number;
  engine: EngineName;
  /** Bytes that the process may take in all. */
  memory: number | undefined;
}

interface Limits {
  low: number;
  high: number;
}

interface Spec {
  /** Options with a value. */
  values: readonly string[];
  flags?: readonly string[];
}

const COMMON_VALUES = ['seed', 'threads', 'engine', 'memory'];
const COMMON_FLAGS = ['json', 'quiet', 'help'];

/** `help` where it is asked for. */
export function readArguments(args: readonly string[], { values, flags = [] }: Spec): Arguments | 'help' {
  const valued = [...values, ...COMMON_VALUES];
  const parsed = parse(withNegativeNumbers(args, valued), valued, [...flags, ...COMMON_FLAGS]);
  if (parsed.flags.has('help')) return 'help';
  const [model, ...more] = parsed.positionals;
  if (model === undefined) throw new UsageError('name the model: an ONNX file; see --help');
  if (more.length > 0) throw new UsageError(`one model at a time: what is "${more[0]}"? See --help`);
  const readers = readersOf(parsed);
  return {
    model,
    common: {
      json: readers.flag('json'),
      quiet: readers.flag('quiet'),
      seed: readers.integer('seed', { low: 0, high: 2 ** 31 - 1, fallback: 1 }),
      threads: readers.integer('threads', { low: 1, high: 1024, fallback: availableParallelism() }),
      engine: readers.oneOf('engine', engineNames, 'auto'),
      memory: memoryOf(readers.text('memory')),
    },
    ...readers,
  };
}

interface Parsed {
  values: ReadonlyMap<string, string>;
  flags: ReadonlySet<string>;
  positionals: readonly string[];
}

function parse(args: string[], valued: readonly string[], flags: readonly string[]): Parsed {
  const options = Object.fromEntries([
    ...valued.map((name) => [name, { type: 'string' as const }]),
    ...flags.map((name) => [
      name,
      name === 'help' ? { type: 'boolean' as const, short: 'h' } : { type: 'boolean' as const },
    ]),
  ]) as Record<string, { type: 'string' | 'boolean'; short?: string }>;
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const entries = Object.entries(values);
    return {
      values: new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
      flags: new Set(entries.filter(([, value]) => value === true).map(([name]) => name)),
      positionals,
    };
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(/\.\s/)[0]}; see --help`);
  }
}

/** `--range -1,1` means what it says, though parseArgs takes "-1,1" for another option. */
function withNegativeNumbers(args: readonly string[], valued: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1) ?? '';
    if (/^-[\d.]/.test(arg) && before.startsWith('--') && valued.includes(before.slice(2)))
      joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

function readersOf({ values, flags }: Parsed): Omit<Arguments, 'model' | 'common'> {
  const text = (name: string) => values.get(name);
  const number: Arguments['number'] = (name, { low, high, fallback }) => {
    const given = text(name);
    if (given === undefined) {
      if (fallback === undefined) throw new UsageError(`--${name} is missing: a number from ${low} to ${high}`);
      return fallback;
    }
    const value = asNumber(given);
    if (!(value >= low && value <= high))
      throw new UsageError(`--${name} must be a number from ${low} to ${high}, not "${given}"`);
    return value;
  };
  return {
    text,
    flag: (name) => flags.has(name),
    required(name, example) {
      const given = text(name);
      if (!given) throw new UsageError(`--${name} is missing, for example --${name} ${example}`);
      return given;
    },
    number,
    integer(name, limits) {
      const value = number(name, limits);
      if (!Number.isInteger(value)) throw new UsageError(`--${name} must be a whole number, not "${text(name)}"`);
      return value;
    },
    oneOf(name, allowed, fallback) {
      const given = text(name) ?? fallback;
      const found = allowed.find((one) => one === given);
      if (found === undefined)
        throw new UsageError(
          `--${name} must be one of ${allowed.join(', ')}${given === undefined ? '' : `, not "${given}"`}`,
        );
      return found;
    },
    someOf(name, allowed, fallback) {
      const given = text(name);
      if (given === undefined) return [...fallback];
      const names = given.split(',').map((one) => one.trim());
      const unknown = names.find((one) => !allowed.some((known) => known === one));
      if (unknown !== undefined) throw new UsageError(`--${name}: "${unknown}" is none of ${allowed.join(', ')}`);
      return allowed.filter((one) => names.includes(one));
    },
    range(name, fallback) {
      const given = text(name);
      if (given === undefined) return fallback;
      const [low = NaN, high = NaN, ...more] = given.split(',').map(asNumber);
      if (!(Number.isFinite(low) && Number.isFinite(high) && low < high) || more.length > 0)
        throw new UsageError(`--${name} must be two numbers, the smaller one first, such as 0,1, not "${given}"`);
      return [low, high];
    },
    numbers(name) {
      const given = text(name)?.split(',').map(asNumber);
      if (given && !given.every(Number.isFinite))
        throw new UsageError(`--${name} must be numbers separated by commas, not "${text(name)}"`);
      return given;
    },
    duration(name) {
      const given = text(name);
      return given === undefined ? undefined : seconds(name, given);
    },
  };
}

function memoryOf(text: string | undefined): number | undefined {
  const bytes = text === undefined ? undefined : memoryBytes(text);
  if (text !== undefined && !bytes)
    throw new UsageError(`--memory must be an amount such as 512MiB or 4GiB, not "${text}"`);
  return bytes;
}

const asNumber = (text: string): number => (text.trim() === '' ? NaN : Number(text));

function seconds(name: string, text: string): number {
  const [, hours, minutes, rest] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(text) ?? [];
  const total = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(rest ?? 0);
  if (!(total > 0)) throw new UsageError(`--${name} must be a time such as 90s, 10m or 1h30m, not "${text}"`);
  return total;
}

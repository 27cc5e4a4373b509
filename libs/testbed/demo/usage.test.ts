import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseOptions, UsageError } from './options.js';
import { prepare } from './prepare.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antibody-usage-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe('what a user can get wrong is said in one line that names the option', () => {
  it.each([
    [['--eps', 'x'], /^--eps must be a number from 0.001 to 1, not "x"$/],
    [['--fraction', '2'], /^--fraction /],
    [['--scenario', 'foo'], /^--scenario must be one of attack, drift/],
    [['--seed', '1.5'], /^--seed must be a whole number, not "1.5"$/],
    [['--seed=-1'], /^--seed must be a number from 0 to 2147483648, not "-1"$/],
    [['--seed', '-1'], /^Option '--seed' argument is ambiguous; see --help$/],
    [['--nope'], /'--nope'; see --help$/],
  ])('%j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });

  it.each([
    [
      'a policy that is not there',
      () => ({ policy: join(folder, 'none.yaml') }),
      /^--policy \S+: there is no such file$/,
    ],
    ['a policy that is not YAML', () => ({ policy: file('bad.yaml', 'a: [\n') }), /^--policy \S+: [^\n]+$/],
    ['an empty policy', () => ({ policy: file('empty.yaml', '') }), /^--policy \S+: policy: field "[^"]+" is missing$/],
    [
      'a policy with an unknown field',
      () => ({ policy: file('field.yaml', 'spec: { detection: { budjet: 1 } }') }),
      /^--policy \S+: policy: field "spec.detection.budjet" [^\n]+$/,
    ],
    ['a model that is not there', () => ({ model: join(folder, 'none.onnx') }), /^--model \S+: there is no such file$/],
    ['a model that is not ONNX', () => ({ model: file('no.onnx', 'no model') }), /^--model \S+: [^\n]+$/],
  ])('%s', (_, options, message) => {
    const attempt = () => prepare(join(folder, 'run'), { ...options(), attackEps: 0.1 });
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(message);
  });
});

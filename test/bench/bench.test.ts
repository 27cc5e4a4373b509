import { describe, expect, it } from '@jest/globals';
import { benches } from './benches.js';
import { helpOf, parseOptions, UsageError } from './options.js';
import { summarize } from './summary.js';
import { headOf, tableOf } from './table.js';

describe('npm run bench', () => {
  it('tells of every bench in --help', () => {
    const help = helpOf(benches);
    for (const { name, description } of benches) {
      expect(description.length).toBeGreaterThan(20);
      expect(help).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
      expect(help).toContain(description);
    }
    expect(new Set(benches.map(({ name }) => name)).size).toBe(benches.length);
  });

  it('runs all, or those that are named', () => {
    expect(parseOptions([], benches)).toEqual({ action: 'run', benches: [...benches], json: false });
    const some = parseOptions(['--only', 'training', '--only', 'detection', '--json'], benches);
    expect([some.benches.map(({ name }) => name), some.json]).toEqual([['detection', 'training'], true]);
    expect(parseOptions(['--list'], benches).action).toBe('list');
    expect(parseOptions(['--help'], benches).action).toBe('help');
  });

  it.each([[['--only', 'nothing']], [['--fast']], [['--only']]])('refuses %j by name', (args) => {
    expect(() => parseOptions(args, benches)).toThrow(UsageError);
    expect(() => parseOptions(args, benches)).toThrow(args[0]);
  });
});

describe('a summary', () => {
  const of = (...values: (number | null)[]) => summarize({ what: 'x', unit: 's', values });

  it('is the median with its range', () => {
    expect(of(3, 1, 2)).toMatchObject({ median: 2, min: 1, max: 3, runs: 3, happened: 3 });
    expect(of(4, 1, 2, 3)).toMatchObject({ median: 2.5, min: 1, max: 4 });
  });

  it('counts what did not happen as later than everything else', () => {
    expect(of(1, null, 2)).toMatchObject({ median: 2, min: 1, max: 2, runs: 3, happened: 2 });
    expect(of(1, null, null)).toMatchObject({ median: null, min: 1, max: 1, happened: 1 });
    expect(of(null)).toMatchObject({ median: null, min: null, max: null });
  });

  it('shows as a table in which a dash did not happen', () => {
    const lines = tableOf([of(1.2345, null, 1234), of(null)]).split('\n');
    expect(lines[1]).toMatch(/^ {2}x +1,234 +1\.23\.\.1,234 +s +2 of 3$/);
    expect(lines[2]).toMatch(/^ {2}x +- +s +0 of 1$/);
  });
});

describe('the head', () => {
  const machine = { cores: 2, processor: 'p', node: 'v20', platform: 'linux-x64', loadAverage: 3 };

  it('warns of a machine that has more to do', () => {
    expect(headOf({ ...machine, overloaded: true })).toContain('WARNING');
    expect(headOf({ ...machine, overloaded: false })).not.toContain('WARNING');
  });
});

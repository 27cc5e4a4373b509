import { describe, expect, it } from '@jest/globals';
import { benches } from './benches.js';
import { stagesOf } from './loop.js';
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

describe('the stages of a defense', () => {
  const seen = [
    { name: 'anomaly.raised', at: 500 }, // before the attack
    { name: 'calibration.completed', at: 600 }, // of the first model
    { name: 'anomaly.raised', at: 2000 },
    { name: 'attack.detected', at: 4000 },
    { name: 'training.completed', at: 9000 },
    { name: 'calibration.completed', at: 12_000 },
    { name: 'evaluation.completed', at: 13_000 },
    { name: 'anomaly.raised', at: 14_000 }, // on the new revision
    { name: 'deployment.completed', at: 18_000 },
    { name: 'defense.ended', at: 20_000 },
  ] as Parameters<typeof stagesOf>[0];

  it('follow each other in the order in which they ended, and add up', () => {
    expect(stagesOf(seen, 1000).map(({ stage, seconds }) => [stage, seconds])).toEqual([
      ['alarm', 1],
      ['verdict', 2],
      ['training', 5],
      ['calibration', 3],
      ['evaluation', 1],
      ['rollout', 5],
      ['verification', 2],
    ]);
  });

  it('are refused when one is missing', () => {
    expect(() => stagesOf(seen.slice(0, -1), 1000)).toThrow('defense.ended');
  });
});

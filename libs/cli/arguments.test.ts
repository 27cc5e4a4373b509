import { describe, expect, it } from '@jest/globals';

import { type Arguments, readArguments } from './arguments.js';
import { UsageError } from './errors.js';
import { threatOf } from './threat.js';

const spec = { values: ['data', 'range', 'norm', 'eps', 'time-budget', 'attacks', 'html'], flags: ['resume'] };
const read = (...args: string[]): Arguments => {
  const parsed = readArguments(args, spec);
  if (parsed === 'help') throw new Error('help');
  return parsed;
};

describe('the command line', () => {
  it('reads what it is given', () => {
    const args = read('model.onnx', '--data', 'a.npz', '--resume', '--seed', '7', '--threads=2', '--json');
    expect(args.model).toBe('model.onnx');
    expect(args.text('data')).toBe('a.npz');
    expect(args.flag('resume')).toBe(true);
    expect(args.common).toEqual({ seed: 7, threads: 2, json: true, quiet: false, engine: 'auto' });
  });

  it('takes negative numbers as values', () => {
    expect(read('m', '--range', '-1,1').range('range', [0, 1])).toEqual([-1, 1]);
    expect(read('m', '--range', '-.5,-.25').range('range', [0, 1])).toEqual([-0.5, -0.25]);
    expect(read('m').range('range', [0, 1])).toEqual([0, 1]);
  });

  it.each([
    ['90s', 90],
    ['10m', 600],
    ['1h30m', 5400],
    ['45', 45],
    ['0.5s', 0.5],
  ])('reads the time %s', (text, seconds) => {
    expect(read('m', '--time-budget', text).duration('time-budget')).toBe(seconds);
  });

  it('gives the names asked for in their own order', () => {
    expect(read('m', '--attacks', 'b, a').someOf('attacks', ['a', 'b', 'c'], [])).toEqual(['a', 'b']);
    expect(read('m').someOf('attacks', ['a', 'b', 'c'], ['c'])).toEqual(['c']);
  });

  it('knows when help is asked for, whatever else is there', () => {
    expect(readArguments(['--help'], spec)).toBe('help');
    expect(readArguments(['m', '--data', 'x', '-h'], spec)).toBe('help');
  });

  const wrong: [string, string[], (args: Arguments) => unknown, RegExp][] = [
    ['no model', [], () => 0, /name the model/],
    ['two models', ['a', 'b'], () => 0, /"b"/],
    ['an unknown option', ['m', '--dta', 'x'], () => 0, /--dta/],
    ['an option without its value', ['m', '--data'], () => 0, /--data/],
    ['a seed that is no whole number', ['m', '--seed', '1.5'], () => 0, /--seed must be a whole number/],
    ['no threads', ['m', '--threads', '0'], () => 0, /--threads must be a number from 1/],
    ['a missing file', ['m'], (args) => args.required('data', 'a.npz'), /--data is missing.*a\.npz/],
    ['an empty number', ['m', '--eps', ''], (args) => args.number('eps', { low: 0, high: 1 }), /--eps/],
    ['a range backwards', ['m', '--range', '1,0'], (args) => args.range('range', [0, 1]), /--range.*0,1.*"1,0"/],
    ['a range of three', ['m', '--range', '0,1,2'], (args) => args.range('range', [0, 1]), /--range/],
    ['an unknown name', ['m', '--norm', 'l1'], (args) => args.oneOf('norm', ['linf', 'l2']), /linf, l2, not "l1"/],
    ['an unknown attack', ['m', '--attacks', 'a,x'], (args) => args.someOf('attacks', ['a'], []), /"x" is none of a/],
    ['no time at all', ['m', '--time-budget', '0m'], (args) => args.duration('time-budget'), /10m/],
    ['another time', ['m', '--time-budget', 'soon'], (args) => args.duration('time-budget'), /"soon"/],
    ['epsilon 0', ['m', '--eps', '0'], threatOf, /--eps must be above 0/],
    ['epsilon beyond the range', ['m', '--eps', '1.5'], threatOf, /--eps must be a number from 0 to 1/],
    ['no epsilon', ['m'], threatOf, /--eps is missing/],
  ];
  it.each(wrong)('refuses %s, naming it', (_what, args, use, message) => {
    const run = () => use(read(...args));
    expect(run).toThrow(UsageError);
    expect(run).toThrow(message);
  });
});

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EVENT_NAMES, breakingChanges, documents } from '#contracts';

const released = 'test/contracts/released';

describe('contracts', () => {
  it.each(readdirSync(released))('%s breaks nobody who was written against the released version', (name) => {
    const before: unknown = JSON.parse(readFileSync(join(released, name), 'utf8'));
    expect(breakingChanges(before, JSON.parse(JSON.stringify(documents().get(name) ?? null)))).toEqual([]);
  });

  it('has a released schema for every event', () => {
    expect(readdirSync(released)).toEqual(expect.arrayContaining(EVENT_NAMES.map((name) => `${name}.v1.json`)));
  });
});

describe('breakingChanges', () => {
  const base = {
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'string' }, b: { type: 'array', items: { type: 'integer' } } },
  };
  const change = (f: (schema: typeof base & { properties: Record<string, unknown> }) => void) => {
    const next = structuredClone(base) as typeof base & { properties: Record<string, unknown> };
    f(next);
    return breakingChanges(base, next);
  };

  it('lets optional fields be added', () => {
    expect(change((s) => (s.properties.c = { type: 'number' } as never))).toEqual([]);
  });
  it.each([
    [['pgd', 'trades'], []],
    [['trades'], ['.name: const was "pgd", is undefined']],
  ])('lets a name get others beside it, not instead of it: %j', (names, problems) => {
    const schema = (name: object) => ({ type: 'object', properties: { name } });
    const before = schema({ type: 'string', const: 'pgd' });
    expect(breakingChanges(before, schema({ type: 'string', enum: names }))).toEqual(problems);
  });
  it.each([
    [
      'an element of a tuple',
      { type: 'array', items: [{ type: 'number' }, { type: 'number' }] },
      { type: 'array', items: [{ type: 'number' }, { type: 'string' }] },
    ],
    [
      'the values of a map',
      { type: 'object', patternProperties: { '^.*$': { type: 'number' } } },
      { type: 'object', patternProperties: { '^.*$': { type: 'string' } } },
    ],
    ['a name', { type: 'string', enum: ['a', 'b'] }, { type: 'string', enum: ['a', 'c'] }],
  ])('complains when %s changes', (_, before, after) => {
    expect(breakingChanges(before, after)).toHaveLength(1);
    expect(breakingChanges(before, before)).toEqual([]);
  });
  it.each([
    ['a field is taken away', (s: Record<string, Record<string, unknown>>) => delete s.properties!.b],
    ['a type changes', (s: Record<string, Record<string, unknown>>) => (s.properties!.a = { type: 'number' })],
    [
      'an item type changes',
      (s: Record<string, Record<string, unknown>>) => (s.properties!.b = { type: 'array', items: { type: 'string' } }),
    ],
    [
      'a largest value comes',
      (s: Record<string, Record<string, unknown>>) => (s.properties!.a = { type: 'string', exclusiveMaximum: 1 }),
    ],
    [
      'only a few names are left',
      (s: Record<string, Record<string, unknown>>) => (s.properties!.a = { type: 'string', enum: ['x'] }),
    ],
    ['a field becomes required', (s: Record<string, unknown>) => (s.required = ['a', 'b'])],
    ['a field is no longer promised', (s: Record<string, unknown>) => (s.required = [])],
  ])('complains when %s', (_, f) => {
    expect(change(f as never)).toHaveLength(1);
  });
});

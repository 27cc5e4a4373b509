import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { openApi, parseDefenseQuery, parseOrder } from './api.js';

describe('HTTP API', () => {
  it('has its OpenAPI document committed; `npm run generate` writes it', () => {
    const committed: unknown = JSON.parse(readFileSync('services/defense-orchestrator/generated/openapi.json', 'utf8'));
    expect(openApi()).toEqual(committed);
  });

  it.each([
    [{}, 'by'],
    [{ by: '' }, 'by'],
    [{ by: 'ann', force: true }, 'force'],
  ])('names the field of an order that is wrong: %j', (body, field) => {
    expect(() => parseOrder(body)).toThrow(expect.objectContaining({ field }));
  });

  it.each([
    [{ state: 'sleeping' }, 'state'],
    [{ limit: '0' }, 'limit'],
    [{ colour: 'red' }, 'colour'],
  ])('names the field of a query that is wrong: %j', (query, field) => {
    expect(() => parseDefenseQuery(query)).toThrow(expect.objectContaining({ field }));
  });
});

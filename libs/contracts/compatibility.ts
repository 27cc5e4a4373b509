type Schema = Record<string, unknown>;
const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/**
 * What in `next` would break somebody who was written against `previous`: a field taken away, a field made required or no longer
 * promised, or a changed type or value range. New optional fields, further names beside a given one and better descriptions are fine.
 */
export function breakingChanges(previous: unknown, next: unknown, path = ''): string[] {
  const at = path || '(root)';
  if (!isObject(previous)) return [];
  if (!isObject(next)) return [`${at}: is gone`];
  const problems: string[] = [];
  for (const key of [
    'type',
    'const',
    'pattern',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'minItems',
    'maxItems',
    'minLength',
    'maxLength',
    'additionalProperties',
  ]) {
    if (key === 'const' && list(next.enum).some((name) => same(name, previous.const))) continue;
    if (!isObject(previous[key]) && !same(previous[key], next[key])) {
      problems.push(`${at}: ${key} was ${JSON.stringify(previous[key])}, is ${JSON.stringify(next[key])}`);
    }
  }
  const [before, after] = [list(previous.required), list(next.required)];
  for (const field of after.filter((f) => !before.includes(f)))
    problems.push(`${at}: "${String(field)}" became required`);
  for (const field of before.filter((f) => !after.includes(f)))
    problems.push(`${at}: "${String(field)}" is no longer promised`);
  if (isObject(previous.properties)) {
    const fields = isObject(next.properties) ? next.properties : {};
    for (const [name, schema] of Object.entries(previous.properties)) {
      problems.push(...breakingChanges(schema, fields[name], `${path}.${name}`));
    }
  }
  for (const key of ['items', 'patternProperties']) {
    if (!isObject(previous[key])) continue;
    if (key === 'items') problems.push(...breakingChanges(previous.items, next.items, `${path}[]`));
    else if (!same(Object.keys(previous[key]), Object.keys(isObject(next[key]) ? next[key] : {})))
      problems.push(`${at}: names of its keys changed`);
  }
  const [wasAny, isAny] = [list(previous.anyOf), list(next.anyOf)];
  if (wasAny.length > isAny.length) problems.push(`${at}: has fewer alternatives`);
  else wasAny.forEach((schema, i) => problems.push(...breakingChanges(schema, isAny[i], `${path}|${i}`)));
  return problems;
}

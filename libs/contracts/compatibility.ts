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
  problems.push(...keywordsChanged(previous, next, at));
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
  if (isObject(previous.items)) problems.push(...breakingChanges(previous.items, next.items, `${path}[]`));
  list(previous.items).forEach((item, i) =>
    problems.push(...breakingChanges(item, list(next.items)[i], `${path}[${i}]`)),
  );
  problems.push(...keysChanged(previous, next, path), ...namesChanged(previous, next, at));
  const [wasAny, isAny] = [list(previous.anyOf), list(next.anyOf)];
  if (wasAny.length > isAny.length) problems.push(`${at}: has fewer alternatives`);
  else wasAny.forEach((schema, i) => problems.push(...breakingChanges(schema, isAny[i], `${path}|${i}`)));
  return problems;
}

/** A map: its keys' pattern, and what they lead to. */
function keysChanged(previous: Schema, next: Schema, path: string): string[] {
  if (!isObject(previous.patternProperties)) return [];
  const after = isObject(next.patternProperties) ? next.patternProperties : {};
  if (!same(Object.keys(previous.patternProperties), Object.keys(after)))
    return [`${path || '(root)'}: names of its keys changed`];
  return Object.entries(previous.patternProperties).flatMap(([key, schema]) =>
    breakingChanges(schema, after[key], `${path}{}`),
  );
}

/** Given names may get others beside them; they may not go, nor come where everything was allowed. */
function namesChanged(previous: Schema, next: Schema, at: string): string[] {
  const [before, after] = [list(previous.enum), list(next.enum)];
  const gone = before.filter((name) => !after.some((other) => same(name, other)));
  if (gone.length > 0) return [`${at}: ${gone.map((name) => JSON.stringify(name)).join(', ')} is no name any more`];
  const free = before.length === 0 && previous.const === undefined;
  return free && after.length > 0 ? [`${at}: became one of a few names`] : [];
}

const KEYWORDS = [
  ...['type', 'const', 'pattern', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['minItems', 'maxItems', 'minLength', 'maxLength', 'additionalProperties'],
];

function keywordsChanged(previous: Schema, next: Schema, at: string): string[] {
  return KEYWORDS.filter((key) => {
    if (key === 'const' && list(next.enum).some((name) => same(name, previous.const))) return false;
    return !isObject(previous[key]) && !same(previous[key], next[key]);
  }).map((key) => `${at}: ${key} was ${JSON.stringify(previous[key])}, is ${JSON.stringify(next[key])}`);
}

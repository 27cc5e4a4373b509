import { RobustnessPolicy, parsePolicy } from '#contracts';

interface Schema {
  type?: string;
  const?: unknown;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  items?: Schema | Schema[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  enum?: readonly unknown[];
  patternProperties?: Record<string, Schema>;
}

const code = (value: unknown) => `\`${JSON.stringify(value)}\``;

function kindOf(schema: Schema): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(' or ');
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(' or ');
  if (schema.type === 'array')
    return Array.isArray(schema.items)
      ? `[${schema.items.map(kindOf).join(', ')}]`
      : `list of ${kindOf(schema.items ?? {})}`;
  if (schema.patternProperties) return `map to ${kindOf(Object.values(schema.patternProperties)[0] ?? {})}`;
  return schema.type ?? 'object';
}

function limitsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): string {
  const parts = [
    exclusiveMinimum === undefined ? '' : `above ${exclusiveMinimum}`,
    minimum === undefined ? '' : `at least ${minimum}`,
    maximum === undefined ? '' : `at most ${maximum}`,
    exclusiveMaximum === undefined ? '' : `below ${exclusiveMaximum}`,
  ];
  return parts.filter(Boolean).join(', ');
}

const GIVEN = {
  target: { model: 'x', revision: 'x', endpoint: 'http://x' },
  threatModel: { norm: 'linf', epsilon: 1, steps: 3, restarts: 2 },
  gates: { minimumRobustAccuracy: 0, maximumCleanLoss: 0 },
};
const FILES = {
  artifact: { uri: 'file:///x' },
  trustedDataset: { uri: 'file:///x' },
  inputs: { dims: [1], classes: 2, range: [0, 2] },
};
type Json = Record<string, unknown>;
const frame = {
  apiVersion: 'antibody.dev/v1alpha1',
  kind: 'RobustnessPolicy',
  metadata: { name: 'x', namespace: 'x' },
};
/** Smallest policies, without and with files: what a parsed one has and the document has not is a default. */
const documents: Json[] = [
  { ...frame, spec: GIVEN },
  { ...frame, spec: { ...GIVEN, ...FILES } },
];

const at = (document: unknown, path: string) =>
  path.split('.').reduce<unknown>((value, key) => (value as Json | null | undefined)?.[key], document);

/** The default, or whether it has to be written. */
function need(path: string, required: boolean): string {
  for (const document of documents) {
    const fallback = at(parsePolicy(document), path);
    if (at(document, path) === undefined && fallback !== undefined) return code(fallback);
  }
  return required ? 'needed' : 'optional';
}

function rows(schema: Schema, path: string, required: boolean): string[] {
  const object = schema.properties ? schema : schema.anyOf?.find(({ properties }) => properties);
  const item = Array.isArray(schema.items) ? undefined : schema.items;
  const inside = object ?? (item?.properties && item);
  const children = Object.entries(inside?.properties ?? {}).flatMap(([name, child]) =>
    rows(child, path ? `${path}${inside === item ? '[]' : ''}.${name}` : name, !!inside?.required?.includes(name)),
  );
  const text = [schema.description ?? '', limitsOf(schema)].filter(Boolean).join('; ');
  // A group that must be there, and says nothing of its own, is known by its fields.
  if (object && required && !schema.description) return children;
  return [
    `| \`${path}\` | ${object ? 'object' : kindOf(schema)} | ${need(path, required)} | ${text.replaceAll('|', '\\|')} |`,
    ...children,
  ];
}

/** Every field of the policy as a Markdown page, from its schema. */
export function policyReference(): string {
  return `<!-- Written by \`npm run generate\` from libs/contracts/policy.ts. -->

# RobustnessPolicy

One document says how one model is protected. The third column says what holds where a field is left out: its default, or nothing (\`optional\`); what is
\`needed\` is needed as soon as the object around it is there. Objects that are given in part get the other defaults; lists are taken whole. A mistake is
refused with the name of the field.

| field | kind | if left out | |
|---|---|---|---|
${rows(RobustnessPolicy, '', true).join('\n')}

Across fields: \`artifact\` and \`trustedDataset\` are given together, with \`inputs\`, or not at all; the shares of the dataset sum to 1 at most, and leave enough
rows for each part; \`rollout.steps\` rise to 100; under \`linf\` the radius is smaller than the width of \`inputs.range\`; and a model is judged with at least as
many PGD steps as it is trained with.
`;
}

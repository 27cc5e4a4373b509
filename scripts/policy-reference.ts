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

/** The smallest policy: what is in the parsed one and not here is a default. */
const smallest = parsePolicy({
  apiVersion: 'antibody.dev/v1alpha1',
  kind: 'RobustnessPolicy',
  metadata: { name: 'x', namespace: 'x' },
  spec: {
    target: { model: 'x', revision: 'x', endpoint: 'http://x' },
    threatModel: { norm: 'linf', epsilon: 1, steps: 1, restarts: 1 },
    gates: { minimumRobustAccuracy: 0, maximumCleanLoss: 0 },
  },
});
const GIVEN = ['apiVersion', 'kind', 'metadata', 'spec.target', 'spec.threatModel', 'spec.gates'];

function defaultOf(path: string): unknown {
  if (GIVEN.some((given) => path === given || path.startsWith(`${given}.`))) return undefined;
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], smallest);
}

function rows(schema: Schema, path: string): string[] {
  const object = schema.properties ? schema : schema.anyOf?.find((alternative) => alternative.properties);
  if (!object?.properties) {
    const fallback = defaultOf(path);
    const text = [schema.description ?? '', limitsOf(schema)].filter(Boolean).join('; ');
    return [
      `| \`${path}\` | ${kindOf(schema)} | ${fallback === undefined ? '' : code(fallback)} | ${text.replaceAll('|', '\\|')} |`,
    ];
  }
  return Object.entries(object.properties).flatMap(([name, child]) => rows(child, path ? `${path}.${name}` : name));
}

/** Every field of the policy as a Markdown page, from its schema. */
export function policyReference(): string {
  return `<!-- Written by \`npm run generate\` from libs/contracts/policy.ts. -->

# RobustnessPolicy

One document says how one model is protected. Whatever has a default may be left out. A mistake is refused with the name of the field.

| field | kind | default | |
|---|---|---|---|
${rows(RobustnessPolicy, '').join('\n')}
`;
}

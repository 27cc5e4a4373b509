import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { Type, type Static, type TSchema } from '#contracts';

/** Environment variables do not fit. Lists every one; never shows a value, since it may be a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(`The environment does not fit:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

/** Variables that every service knows: spread them into its own schema. */
export const serviceVariables = {
  NATS_URL: Type.String({ default: 'nats://127.0.0.1:4222', minLength: 1 }),
  HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  PORT: Type.Integer({ default: 0, minimum: 0, maximum: 65535, description: '0 takes a free port' }),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info' },
  ),
  /** Bearer token of the HTTP API; without it the API is open. */
  HTTP_TOKEN: Type.Optional(Type.String({ minLength: 16 })),
};

interface Properties {
  properties: Record<string, TSchema>;
}
interface Problem {
  keyword: string;
  instancePath: string;
  message: string;
  params: { requiredProperties?: string[] };
}

/** Reads the variables that the schema (a flat object) names: defaults filled in, numbers, booleans and comma-separated lists converted. */
export function readConfig<T extends TSchema & Properties>(
  schema: T,
  environment: Record<string, string | undefined>,
): Static<T> {
  const raw: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const text = environment[name];
    if (text === undefined || text === '') continue; // an empty variable is how a chart or a shell says "not set"
    const isList = (property as { type?: string }).type === 'array';
    raw[name] = isList ? text.split(',').map((item) => item.trim()) : text;
  }
  const converted: unknown = Value.Convert(schema, Value.Default(schema, raw));
  const check = Compile(schema);
  if (check.Check(converted)) return converted;
  throw new ConfigError(describe(check.Errors(converted) as unknown as Problem[]));
}

function describe(problems: Problem[]): string[] {
  const byVariable = new Map<string, string>();
  for (const { keyword, instancePath, message, params } of problems) {
    const missing = keyword === 'required' ? (params.requiredProperties ?? []) : [];
    for (const name of missing) byVariable.set(name, 'is missing');
    const name = instancePath.split('/')[1];
    // Of a choice, the summary ("must match a schema in anyOf") comes last and says the least that is still true.
    if (name)
      byVariable.set(name, keyword === 'anyOf' || keyword === 'const' ? 'is not one of the allowed values' : message);
  }
  return [...byVariable].map(([name, problem]) => `${name} ${problem}`);
}

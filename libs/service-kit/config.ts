import type { TObject } from 'typebox';
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
  /** Before a user and a password in the URL. */
  NATS_USER: Type.Optional(Type.String({ pattern: '^[^\\s.*>]+$', description: 'user of the bus' })),
  NATS_PASSWORD: Type.Optional(Type.String({ description: 'password of NATS_USER' })),
  HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  PORT: Type.Integer({ default: 0, minimum: 0, maximum: 65535, description: '0 takes a free port' }),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info' },
  ),
  /** Bearer token of the HTTP API; without it the API is open. */
  HTTP_TOKEN: Type.Optional(Type.String({ minLength: 16 })),
};

/** What of them `startService` takes; REDIS_URL where a service has it. */
export const serviceOptions = (config: CommonConfig) => ({
  natsUrl: config.NATS_URL,
  natsUser: config.NATS_USER,
  natsPassword: config.NATS_PASSWORD,
  redisUrl: config.REDIS_URL,
  host: config.HOST,
  port: config.PORT,
  token: config.HTTP_TOKEN,
  logLevel: config.LOG_LEVEL,
});

type CommonConfig = Static<TObject<typeof serviceVariables>> & { REDIS_URL?: string };

interface FlatObject {
  properties: Record<string, TSchema>;
  required?: readonly string[];
}

/** Reads the variables that the schema (a flat object) names: defaults filled in, numbers, booleans and comma-separated lists converted. */
export function readConfig<T extends TSchema & FlatObject>(
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
  const config = Value.Convert(schema, Value.Default(schema, raw)) as Record<string, unknown>;
  const problems = Object.entries(schema.properties).flatMap(([name, property]) => {
    if (name in config)
      return Value.Check(property, config[name]) ? [] : [`${name} ${complaint(property, config[name])}`];
    return schema.required?.includes(name) ? [`${name} is missing`] : [];
  });
  if ('NATS_USER' in config && !('NATS_PASSWORD' in config))
    problems.push('NATS_PASSWORD is missing, and NATS_USER is set');
  if (problems.length > 0) throw new ConfigError(problems);
  return config as Static<T>;
}

function complaint(property: TSchema, value: unknown): string {
  if ('anyOf' in property) return 'is not one of the allowed values';
  return Value.Errors(property, value)[0]?.message ?? 'does not fit';
}

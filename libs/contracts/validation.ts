import { Compile } from 'typebox/compile';
import type { Static, TSchema } from './schema.js';

/** Input that does not fit its schema. `field` is a JSON path such as `samples[3].model`; a retry cannot help. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  readonly permanent = true;
  constructor(
    readonly what: string,
    readonly field: string,
    readonly problem: string,
  ) {
    super(`${what}: ${field ? `field "${field}" ` : ''}${problem}`);
  }
}

interface Problem {
  keyword: string;
  instancePath: string;
  message: string;
  params: Record<string, unknown>;
}

const fieldOf = (path: string) =>
  path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((field, part) => (/^\d+$/.test(part) ? `${field}[${part}]` : field ? `${field}.${part}` : part), '');

const join = (field: string, name: unknown) => (field ? `${field}.${String(name)}` : String(name));

function describe(problem: Problem, all: readonly Problem[]): { field: string; problem: string } {
  const field = fieldOf(problem.instancePath);
  const { params } = problem;
  if (problem.keyword === 'required')
    return { field: join(field, (params.requiredProperties as string[])[0]), problem: 'is missing' };
  if (problem.keyword === 'additionalProperties') {
    return { field: join(field, (params.additionalProperties as string[])[0]), problem: 'is not known here' };
  }
  if (problem.keyword === 'const') {
    const here = all.filter(
      ({ keyword, instancePath }) => keyword === 'const' && instancePath === problem.instancePath,
    );
    const allowed = [...new Set(here.map((one) => JSON.stringify(one.params.allowedValue)))];
    return { field, problem: `must be ${allowed.join(' or ')}` };
  }
  if (problem.keyword === 'enum')
    return {
      field,
      problem: `must be ${(params.allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(' or ')}`,
    };
  return { field, problem: problem.message };
}

/** Compiles `schema` once and returns a parser that gives typed data or throws InvalidInputError naming the field. */
export function parser<T extends TSchema>(what: string, schema: T): (input: unknown) => Static<T> {
  const compiled = Compile(schema);
  return (input) => {
    if (compiled.Check(input)) return input;
    // The deepest complaint is the most telling one: "must match a schema in anyOf" hides what is wrong inside.
    const problems = (compiled.Errors(input) as unknown as Problem[]).filter((p) => p.keyword !== 'boolean');
    const depth = (p: Problem) => p.instancePath.split('/').length + (p.keyword === 'anyOf' ? -0.5 : 0);
    const worst = problems.sort((a, b) => depth(b) - depth(a))[0];
    if (!worst) throw new InvalidInputError(what, '', 'does not fit its schema');
    const { field, problem } = describe(worst, problems);
    throw new InvalidInputError(what, field, problem);
  };
}

import { DefenseState, EVENTS, parser, RobustnessPolicy, Type, type Static, type TSchema } from '#contracts';
import { Defense, LiveCounts } from '../domain/defense.js';
import { Anomaly } from '../domain/model.js';

interface Operation {
  method: 'get' | 'post';
  path: string;
  summary: string;
  query?: TSchema & { properties: Record<string, TSchema> };
  body?: TSchema;
  answer: TSchema;
  /** Errors that this operation has beside the general ones. */
  errors?: Record<number, string>;
}

const protection = EVENTS['protection.updated'].schema.properties;
const Text = Type.String();

export const DefenseQuery = Type.Object(
  {
    namespace: Type.Optional(Text),
    model: Type.Optional(Text),
    state: Type.Optional(DefenseState),
    limit: Type.Optional(
      Type.String({ pattern: '^[1-9]\\d{0,2}$', description: '1 to 999 newest ones; 100 without it' }),
    ),
  },
  { additionalProperties: false },
);

/** Who gives an order: kept in the defense's history. */
export const Order = Type.Object(
  { by: Type.String({ minLength: 1, maxLength: 200 }) },
  { additionalProperties: false },
);

export const ModelView = Type.Object({
  policy: RobustnessPolicy,
  serving: Text,
  revisions: protection.revisions,
});
export type ModelView = Static<typeof ModelView>;

export const AnomalyView = Type.Object({ namespace: Text, model: Text, ...Anomaly.properties });
export type AnomalyView = Static<typeof AnomalyView>;

const noSuch = (thing: string) => ({ 404: `no such ${thing}` });
const notNow = {
  400: 'invalid body; `field` names what is wrong',
  409: 'not possible in the present state; `detail` says why',
};

/** The HTTP API: the controllers take their paths from here, and the OpenAPI document is made of it. */
export const OPERATIONS = {
  listDefenses: {
    method: 'get',
    path: '/v1/defenses',
    summary: 'The newest defenses, also those that ended, newest first',
    query: DefenseQuery,
    answer: Type.Array(Defense),
    errors: { 400: 'invalid query; `field` names what is wrong' },
  },
  readDefense: {
    method: 'get',
    path: '/v1/defenses/:id',
    summary: 'The whole record of a defense: history, gate table, certificate',
    answer: Defense,
    errors: noSuch('defense'),
  },
  approve: {
    method: 'post',
    path: '/v1/defenses/:id/approve',
    summary: 'Approve a defense that awaits it',
    body: Order,
    answer: Defense,
    errors: { ...noSuch('defense'), ...notNow },
  },
  reject: {
    method: 'post',
    path: '/v1/defenses/:id/reject',
    summary: 'Reject a defense that awaits approval',
    body: Order,
    answer: Defense,
    errors: { ...noSuch('defense'), ...notNow },
  },
  cancel: {
    method: 'post',
    path: '/v1/defenses/:id/cancel',
    summary: 'Cancel a defense before its candidate is rolled out',
    body: Order,
    answer: Defense,
    errors: { ...noSuch('defense'), ...notNow },
  },
  listAnomalies: {
    method: 'get',
    path: '/v1/anomalies',
    summary: 'The present, or else last, anomaly of each protected revision, and how it was answered',
    answer: Type.Array(AnomalyView),
  },
  harden: {
    method: 'post',
    path: '/v1/anomalies/:id/harden',
    summary: 'Open a defense for an anomaly, whatever its verdict; no cool-down stands in the way',
    body: Order,
    answer: Defense,
    errors: { ...noSuch('anomaly'), ...notNow },
  },
  dismiss: {
    method: 'post',
    path: '/v1/anomalies/:id/dismiss',
    summary: 'Answer the question about an anomaly with no',
    body: Order,
    answer: AnomalyView,
    errors: { ...noSuch('anomaly'), ...notNow },
  },
  listPolicies: {
    method: 'get',
    path: '/v1/policies',
    summary: 'The policies, and what each protects at present',
    answer: Type.Array(ModelView),
  },
} satisfies Record<string, Operation>;

export const parseDefenseQuery = parser('query', DefenseQuery);
export const parseOrder = parser('body', Order);

const Problem = Type.Object(
  {
    type: Text,
    title: Text,
    status: Type.Integer(),
    detail: Text,
    field: Type.Optional(Type.String({ description: 'the field that is wrong' })),
    correlationId: Type.Optional(Text),
  },
  { description: 'RFC 9457 problem details' },
);

const evaluated = EVENTS['evaluation.completed'].schema.properties;

/** Schemas that the document names once and refers to. */
const NAMED = new Map<unknown, string>(
  Object.entries({
    Defense,
    DefenseState,
    RobustnessResult: evaluated.candidate,
    Proportion: evaluated.candidate.properties.clean,
    ModelFile: EVENTS['training.completed'].schema.properties.candidate,
    RecoveryCertificate: EVENTS['defense.ended'].schema.properties.certificate.anyOf[0],
    CalibrationSummary: EVENTS['calibration.completed'].schema.properties.summary,
    Anomaly: AnomalyView,
    LiveCounts,
    Model: ModelView,
    RobustnessPolicy,
    Order,
    Problem,
  }).map(([name, schema]) => [schema, name]),
);

/** Plain JSON, without what TypeBox hides in its schemas, and with references to the named ones. */
const plain = (root: unknown): unknown =>
  JSON.parse(
    JSON.stringify(root, (_key, value: unknown) => {
      const name = value === root ? undefined : NAMED.get(value);
      return name ? { $ref: `#/components/schemas/${name}` } : value;
    }),
  );

const json = (schema: object, type = 'application/json') => ({ content: { [type]: { schema } } });
const problem = (description: string) => ({ description, ...json(Problem, 'application/problem+json') });

function described(operationId: string, operation: Operation): object {
  const { summary, path, query, body, answer, errors } = operation;
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = Object.entries(query?.properties ?? {}).map(([name, schema]) => ({ name, in: 'query', schema }));
  const failures = Object.entries({ 401: 'no or a wrong bearer token', ...errors });
  return {
    operationId,
    summary,
    parameters: [...inPath, ...inQuery],
    ...(body && { requestBody: { required: true, ...json(body) } }),
    responses: {
      200: { description: 'done', ...json(answer) },
      ...Object.fromEntries(failures.map(([status, description]) => [status, problem(description)])),
    },
  };
}

/** The OpenAPI 3.1 document of this API. */
export function openApi(): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method]: plain(described(id, operation)) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Antibody defense-orchestrator', version: 'v1' },
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: Object.fromEntries([...NAMED].map(([schema, name]) => [name, plain(schema)])),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

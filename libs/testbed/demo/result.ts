import { Type, type Static, type TSchema } from '#contracts';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Proportion = Type.Object(
  { value: Type.Number(), low: Type.Number(), high: Type.Number(), n: Type.Integer() },
  { description: 'share with its 95 % interval and the rows behind it' },
);
const Milestones = (kind: string, unit: string) => (name: string) =>
  Nullable(Type.Number({ minimum: 0, description: `${unit} from the attack's first request to ${name} (${kind})` }));
const requests = Milestones('requests', 'requests');
const seconds = Milestones('seconds', 'seconds');

/** What `npm run demo -- --json` prints. */
export const DemoResult = Type.Object({
  scenario: Type.String(),
  ok: Type.Boolean({ description: 'the loop did what this scenario asks for; the exit code says the same' }),
  outcome: Type.String({ description: 'final state of the defense, or none' }),
  recovered: Type.Boolean(),
  verdict: Nullable(
    Type.String({ description: 'the gravest that was given: attack, drift, undetermined, or null without one' }),
  ),
  explanation: Type.String({ description: 'the outcome in one sentence' }),
  attack: Nullable(Type.Object({ name: Type.String(), eps: Type.Number(), fraction: Type.Number() })),
  drift: Type.Array(
    Type.Object({
      kind: Type.String(),
      raised: Type.Union([
        Type.Literal('drift'),
        Type.Literal('undetermined'),
        Type.Literal('attack'),
        Type.Literal('none'),
      ]),
    }),
  ),
  requests: Type.Object({ toAlarm: requests('the alarm'), toVerdict: requests('the verdict') }),
  seconds: Type.Object({
    toAlarm: seconds('the alarm'),
    toVerdict: seconds('the verdict'),
    toServing: seconds('the hardened model serving all traffic'),
  }),
  accuracy: Type.Object({
    cleanBefore: Nullable(Proportion),
    attackedBefore: Nullable(Proportion),
    attackedDuring: Nullable(Proportion),
    cleanAfter: Nullable(Proportion),
    attackedAfter: Nullable(Proportion),
    fgsmAfter: Nullable(Proportion),
    pgdAfter: Nullable(Proportion),
  }),
  models: Type.Object({
    before: Type.Object({ sha256: Type.String() }),
    after: Nullable(Type.Object({ sha256: Type.String() })),
  }),
  datasetSha256: Type.String({ description: 'of the trusted dataset' }),
  modelFiles: Type.Object({ before: Type.String(), after: Nullable(Type.String()) }),
  falseAlarms: Type.Integer({
    minimum: 0,
    description: 'alarms raised on clean traffic, before anything else is sent',
  }),
  folder: Type.String({ description: 'where the run keeps its artifacts and logs' }),
});
export type DemoResult = Static<typeof DemoResult>;

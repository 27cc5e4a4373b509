import { Id, ModelRef, Name, Nullable, Proportion, Sha256, Type, Uri, type Static } from '../schema.js';
import { Rollout } from '../policy.js';

const Deployment = { ...ModelRef, deploymentId: Id, defenseId: Id, revision: Name };
const Traffic = Type.Record(Name, Type.Number({ minimum: 0, maximum: 100 }), {
  description: 'revision to percent of the traffic',
});

export const DeploymentRequested = Type.Object({
  ...Deployment,
  target: Type.String({ description: 'endpoint of the serving platform' }),
  modelFile: Type.Object({ uri: Uri, sha256: Sha256 }),
  previousRevision: Name,
  rollout: Rollout,
  minimumAccuracy: Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'labelled accuracy below which the canary is rolled back',
  }),
});
export type DeploymentRequested = Static<typeof DeploymentRequested>;

export const DeploymentPhase = Type.Union([
  Type.Literal('loading'),
  Type.Literal('shifting'),
  Type.Literal('analysing'),
  Type.Literal('promoting'),
  Type.Literal('rolling-back'),
]);
export type DeploymentPhase = Static<typeof DeploymentPhase>;

export const DeploymentProgressed = Type.Object({
  ...Deployment,
  phase: DeploymentPhase,
  percent: Type.Number({ minimum: 0, maximum: 100 }),
  traffic: Traffic,
  canary: Nullable(Proportion),
});
export type DeploymentProgressed = Static<typeof DeploymentProgressed>;

export const DeploymentCompleted = Type.Object({ ...Deployment, traffic: Traffic });
export type DeploymentCompleted = Static<typeof DeploymentCompleted>;

/** The candidate never took traffic. */
export const DeploymentFailed = Type.Object({ ...Deployment, reason: Type.String() });
export type DeploymentFailed = Static<typeof DeploymentFailed>;

/** The candidate took traffic and was withdrawn; the previous revision serves everything again. */
export const DeploymentRolledBack = Type.Object({
  ...Deployment,
  reason: Type.String(),
  atPercent: Type.Number(),
  canary: Nullable(Proportion),
});
export type DeploymentRolledBack = Static<typeof DeploymentRolledBack>;

import { ConflictException, Logger } from '@nestjs/common';
import type { ArtifactStore } from '#artifacts';
import { keepCertificate } from '../adapters/certificates.js';
import { keyOf, type Policies } from '../adapters/policies-folder.js';
import type { ModelName, RedisDefenses } from '../adapters/redis-defenses.js';
import { NotNowError, type Command, type Context, type Incoming, type ModelState } from '../domain/model.js';
import { newModel } from '../domain/protection.js';
import { step } from '../domain/step.js';

/** Takes steps: loads the state of the model that something is about, steps, and stores state and events together. */
export class Models {
  private readonly logger = new Logger('defenses');

  constructor(
    readonly policies: Policies,
    private readonly defenses: RedisDefenses,
    private readonly artifacts: ArtifactStore,
    private readonly calibrationMethod: string,
    private readonly clock: () => Date,
  ) {}

  /** Resolves when the step is stored. What is about a model without a policy is nobody's business here. */
  async take(name: ModelName, incoming: Incoming): Promise<ModelState | null> {
    const resolved = this.policies.get(keyOf(name));
    if (!resolved) {
      this.logger.debug(`${incoming.kind} of ${keyOf(name)}: no policy`);
      return null;
    }
    const now = this.clock().toISOString();
    return this.defenses.take(name, now, async (state) => {
      const context: Context = { ...resolved, now, calibrationMethod: this.calibrationMethod };
      const before = state ?? newModel(context);
      const taken = step(before, incoming, context);
      const { defense } = taken.model;
      if (defense?.certificate && !before.defense?.certificate) await keepCertificate(this.artifacts, defense);
      return taken;
    });
  }

  /** Carries an order out, or says why it does not fit now. */
  async order(name: ModelName, command: Command): Promise<ModelState> {
    try {
      const state = await this.take(name, command);
      if (!state) throw new NotNowError(`${keyOf(name)} has no policy any more`);
      return state;
    } catch (error) {
      if (error instanceof NotNowError) throw new ConflictException(error.message);
      throw error;
    }
  }

  /** All models that have a policy. */
  names(): ModelName[] {
    return [...this.policies.values()].map(({ policy: { metadata, spec } }) => ({
      namespace: metadata.namespace,
      model: spec.target.model,
    }));
  }
}

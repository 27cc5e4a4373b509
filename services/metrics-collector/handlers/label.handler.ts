import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { DEFAULT_NAMESPACE, intakeLabels, type Label, type ModelName } from '#contracts';
import { JetStreamEvent, PermanentError } from '#service-kit';
import { PredictionRecords, type News } from '../adapters/records.js';

/** Labels from the bus, whoever sent them: one replica takes each. */
@Controller()
export class LabelHandler {
  constructor(@Inject(PredictionRecords) private readonly records: PredictionRecords) {}

  /** The whole stream: `label.observed` with and without a suffix. */
  @JetStreamEvent('>', { stream: 'LABELS', durable: 'collector-labels', batch: 64 })
  async observe(@Payload() messages: unknown[]): Promise<void> {
    const intakes = messages.map((message) => intakeLabels(message));
    for (const [model, news] of byModel(intakes.flatMap(({ valid }) => valid))) await this.records.observe(model, news);
    const invalid = intakes.flatMap((intake) => intake.invalid);
    if (invalid.length === 0) return;
    const reasons = invalid.map(({ index, reason }) => `[${index}] ${reason}`);
    // The messages are then handled one by one: those that were right repeat without effect, the wrong ones become dead letters.
    throw new PermanentError(`${invalid.length} invalid, the others count: ${reasons.slice(0, 5).join('; ')}`);
  }
}

function byModel(labels: readonly Label[]): [ModelName, News[]][] {
  const models = new Map<string, [ModelName, News[]]>();
  for (const { namespace = DEFAULT_NAMESPACE, model, id, row = 0, label } of labels) {
    const key = `${namespace}/${model}`;
    let entry = models.get(key);
    if (!entry) models.set(key, (entry = [{ namespace, model }, []]));
    entry[1].push({ id, row, news: { label } });
  }
  return [...models.values()];
}

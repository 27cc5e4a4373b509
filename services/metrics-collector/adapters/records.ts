import type { ChainableCommander, Redis } from 'ioredis';
import { cloudEvent, type ModelName, type Sample } from '#contracts';
import { messagesOf, type Decision, type OutgoingMessage, type RedisOutbox } from '#service-kit';
import { observe, type Finding, type LabelledMember, type PredictionRecord } from '../domain/prediction-record.js';
import { SOURCE } from '../config.js';
import { rowEventId } from './event-ids.js';

/** Something that has become known of one row. */
export interface News {
  id: string;
  row: number;
  news: PredictionRecord;
}

interface Row {
  before: PredictionRecord;
  now: PredictionRecord;
}

const CHUNK = 256;

/**
 * Prediction records in Redis, shared by all replicas. Reading, deciding and storing are one transaction together with the samples
 * that follow from it, so each finding leaves exactly once, whichever replica completes it and however often its cause is repeated.
 */
export class PredictionRecords {
  constructor(
    private readonly outbox: RedisOutbox,
    /** How long a half waits for its label, or a label for its half. */
    private readonly windowSeconds: number,
    private readonly now: () => Date,
  ) {}

  async observe(model: ModelName, all: readonly News[]): Promise<void> {
    for (let from = 0; from < all.length; from += CHUNK) {
      const chunk = all.slice(from, from + CHUNK);
      const keys = chunk.map(({ id, row }) => recordKey(model, id, row));
      await this.outbox.update([...new Set([...keys, ...keys.map(memberKey)])], (redis) =>
        this.decide(redis, model, chunk),
      );
    }
  }

  private async decide(redis: Redis, model: ModelName, chunk: News[]): Promise<Decision> {
    const rows = await this.read(redis, [...new Set(chunk.map(({ id, row }) => recordKey(model, id, row)))]);
    const found: { id: string; row: number; finding: Finding }[] = [];
    for (const { id, row, news } of chunk) {
      const known = rows.get(recordKey(model, id, row))!;
      const { record, findings } = observe(known.now, news);
      known.now = record;
      found.push(...findings.map((finding) => ({ id, row, finding })));
    }
    return {
      change: (multi) => rows.forEach((row, key) => this.write(multi, key, row)),
      messages: this.messages(model, found),
    };
  }

  private async read(redis: Redis, keys: string[]): Promise<Map<string, Row>> {
    const values = await redis.mget([...keys, ...keys.map(memberKey)]);
    const rows = keys.map((key, i): [string, Row] => {
      const member = parse<LabelledMember>(values[keys.length + i]);
      const record = { ...parse<PredictionRecord>(values[i]), ...(member && { member }) };
      return [key, { before: record, now: record }];
    });
    return new Map(rows);
  }

  /** Members are kept apart, since they live only until the label deadline of their anomaly. */
  private write(multi: ChainableCommander, key: string, { before, now }: Row): void {
    const { member, ...record } = now;
    if (member && !before.member) {
      multi.set(memberKey(key), JSON.stringify(member), 'EX', Math.max(1, member.labelDeadlineSeconds));
    }
    const grew = (part: keyof typeof record) => record[part] !== before[part];
    if ((Object.keys(record) as (keyof typeof record)[]).some(grew)) {
      multi.set(key, JSON.stringify(record), 'EX', this.windowSeconds);
    }
  }

  private messages(
    { namespace, model }: ModelName,
    found: { id: string; row: number; finding: Finding }[],
  ): OutgoingMessage[] {
    const origin = { source: SOURCE, time: this.now().toISOString(), namespace, model };
    const samples: Sample[] = [];
    let batchId: string | undefined;
    const messages: OutgoingMessage[] = [];
    for (const { id, row, finding } of found) {
      if (finding.kind === 'aim-label') {
        const { anomalyId, revision, group, member, tables } = finding.member;
        const data = { namespace, model, revision, anomalyId, group, member, T: tables[finding.label]! };
        const eventId = `aim-label:${anomalyId}/${group}/${member}`;
        messages.push(...messagesOf(cloudEvent('aim.label', { ...origin, id: eventId }, data)));
      } else {
        const { kind, value, revision, calibration } = finding;
        batchId ??= rowEventId(kind === 'error' ? 'label' : kind, namespace, model, id, row);
        samples.push({
          namespace,
          model,
          revision,
          ...(calibration && { calibration }),
          id,
          row,
          signals: { [kind]: value },
        });
      }
    }
    if (batchId) messages.push(...messagesOf(cloudEvent('accuracy.sample', { ...origin, id: batchId }, { samples })));
    return messages;
  }
}

// The id comes last: it may hold any character.
const recordKey = ({ namespace, model }: ModelName, id: string, row: number) =>
  `collector:record:${namespace}/${model}/${row}/${id}`;
const memberKey = (key: string) => key.replace('collector:record:', 'collector:member:');

const parse = <T>(json: string | null | undefined): T | undefined => (json ? (JSON.parse(json) as T) : undefined);

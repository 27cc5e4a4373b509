import { Logger } from '@nestjs/common';
import type { ModelName, ProtectionUpdated, RequestRow } from '#contracts';
import { ModelUnavailableError, type Examination, type Examiner } from '../domain/examination.js';
import { Sampler } from '../domain/sampler.js';
import type { WatchedRevision } from '../domain/watched-models.js';
import type { CollectorMetrics } from '../adapters/metrics.js';
import type { Outlets } from '../adapters/outlets.js';

export interface RequestHalf {
  model: ModelName;
  watched: WatchedRevision;
  /** Milliseconds: when it was posted. The rate is the clients', however long the queue is. */
  at: number;
  id: string;
  rows: number;
  /** rows x features. */
  x: Float32Array;
}

export interface RequestHalvesParts {
  examiner: Examiner;
  outlets: Outlets;
  metrics: CollectorMetrics;
  /** Names this start of this process, in the ids of its groups. */
  replica: string;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Milliseconds, on the clock of the posts. */
  now: () => number;
}

interface Row {
  member: RequestRow;
  share: number;
  x: Float32Array;
}

interface Batch {
  model: ModelName;
  watched: WatchedRevision;
  rows: Row[];
}

const MAX_ROWS = 64;

/** What requests say without their responses: signals of each examined row, and its part in the verdict while an anomaly is open. */
export class RequestHalves {
  private readonly logger = new Logger(RequestHalves.name);
  private readonly samplers = new Map<string, Sampler>();
  private readonly failed = new Set<string>();
  private groups = 0;

  constructor(private readonly parts: RequestHalvesParts) {}

  /** Loads the files of what will be logged soon, and tells early of those that cannot be used. */
  async prepare(protection: ProtectionUpdated): Promise<void> {
    const { namespace, model } = protection;
    for (const revision of protection.revisions) {
      if (!revision.modelFile || !protection.inputs) continue;
      await this.work({ model: { namespace, model }, watched: { protection, revision }, rows: [] });
    }
  }

  async examine(requests: readonly RequestHalf[]): Promise<void> {
    for (const batch of this.batches(requests)) await this.work(batch);
  }

  private async work(batch: Batch): Promise<void> {
    try {
      this.publish(batch, await this.parts.examiner.examine(examinationOf(batch)));
      this.parts.metrics.rows('examined', batch.rows.length);
      this.recovered(batch);
    } catch (error) {
      if (!(error instanceof ModelUnavailableError)) throw error;
      this.report(batch, error);
    }
  }

  /** Rows under the limit, by revision, in the order in which they came. */
  private batches(requests: readonly RequestHalf[]): Batch[] {
    const full: Batch[] = [];
    const open = new Map<string, Batch>();
    const now = this.parts.now();
    for (const { model, watched, at, id, rows, x } of requests) {
      const key = `${keyOf(model)}/${watched.revision.revision}`;
      const features = x.length / rows;
      for (let row = 0; row < rows; row++) {
        const { maxExaminedPerSecond } = watched.protection.detection;
        const share = this.sampler(model).admit(at, maxExaminedPerSecond, now - at);
        if (share === undefined) {
          this.parts.metrics.rows('passed-over');
          continue;
        }
        let batch = open.get(key);
        if (!batch || batch.rows.length === MAX_ROWS || batch.watched.anomaly !== watched.anomaly) {
          open.set(key, (batch = { model, watched, rows: [] }));
          full.push(batch);
        }
        batch.rows.push({ member: { id, row }, share, x: x.subarray(row * features, (row + 1) * features) });
      }
    }
    return full;
  }

  private sampler(model: ModelName): Sampler {
    const key = keyOf(model);
    let sampler = this.samplers.get(key);
    if (!sampler) this.samplers.set(key, (sampler = new Sampler(this.parts.random)));
    return sampler;
  }

  private publish({ model, watched, rows }: Batch, examination: Examination): void {
    const { outlets } = this.parts;
    const { revision } = watched.revision;
    const calibration = watched.revision.calibration?.sha256;
    examination.rows.forEach((examined, i) => {
      const { member, share } = rows[i]!;
      outlets.record(model, { ...member, news: { expected: { class: examined.class, revision, calibration } } });
      if (Object.keys(examined.signals).length === 0) return;
      outlets.sample(model, {
        ...model,
        revision,
        calibration,
        ...member,
        signals: examined.signals,
        ...(share < 1 && { share }),
      });
    });
    const { anomaly } = watched;
    if (!anomaly) return;
    const aim = { ...model, revision, anomalyId: anomaly.anomalyId };
    for (const { test, members, T } of examination.pairs) {
      outlets.group({ aim: { ...aim, test, group: this.nextGroup(), members, T }, members: [] });
    }
    for (const { members, tables } of examination.groups) {
      const group = this.nextGroup();
      const { anomalyId, labelDeadlineSeconds } = anomaly;
      outlets.group({
        aim: { ...aim, test: 'labelled', group, members },
        members: members.map((member, index) => ({
          ...member,
          news: {
            member: { anomalyId, revision, group, member: index, tables: tables[index]!, labelDeadlineSeconds },
          },
        })),
      });
    }
  }

  private nextGroup(): string {
    return `${this.parts.replica}-${++this.groups}`;
  }

  /** Once for each revision and file: the rows are counted. */
  private report(batch: Batch, error: ModelUnavailableError): void {
    const { model, watched, rows } = batch;
    const { revision } = watched.revision;
    this.parts.metrics.lost('model-unavailable', rows.length);
    this.parts.metrics.watch({ ...model, revision }, 'failed');
    if (this.failed.has(fileKeyOf(batch))) return;
    this.failed.add(fileKeyOf(batch));
    this.logger.error(`${keyOf(model)} ${revision} is watched by labels and custom samples only: ${error.message}`);
  }

  private recovered(batch: Batch): void {
    const { model, watched } = batch;
    if (!this.failed.delete(fileKeyOf(batch))) return;
    this.parts.metrics.watch({ ...model, revision: watched.revision.revision }, 'signals');
    this.logger.log(`${keyOf(model)} ${watched.revision.revision} is watched in full again`);
  }
}

const fileKeyOf = ({ model, watched: { revision } }: Batch) =>
  `${keyOf(model)}/${revision.revision}/${revision.modelFile?.sha256}/${revision.calibration?.sha256}`;

function examinationOf({ watched, rows }: Batch) {
  const { protection, revision, anomaly } = watched;
  const features = rows[0]?.x.length ?? 0;
  const x = new Float32Array(rows.length * features);
  rows.forEach((row, i) => x.set(row.x, i * features));
  return {
    files: { modelFile: revision.modelFile!, calibration: revision.calibration, inputs: protection.inputs! },
    members: rows.map(({ member }) => member),
    x,
    ...(anomaly && {
      suspicion: { anomalyId: anomaly.anomalyId, tests: anomaly.tests, groupSize: anomaly.groupSize },
    }),
  };
}

const keyOf = ({ namespace, model }: ModelName) => `${namespace}/${model}`;

import type { RepositoryEntry } from '#serving';
import { AnswerError } from './answer-error.js';
import { openOnnxFile, type OnnxFile } from './onnx-file.js';
import type { PredictorState, StateFile } from './state-file.js';
import { pickRevision, splitProblem, type TrafficSplit } from './traffic-split.js';

interface Revision {
  uri: string;
  file?: OnnxFile;
  /** Why it could not be loaded. */
  failure?: string;
  loading: Promise<void>;
}

interface Model {
  revisions: Map<string, Revision>;
  traffic: TrafficSplit;
}

export interface Serving {
  revision: string;
  file: OnnxFile;
}

/** Revisions of models, loaded or not, and who gets how much traffic. Every change is on disk before it is confirmed. */
export class Repository {
  private readonly models = new Map<string, Model>();

  private constructor(private readonly state: StateFile) {}

  /** Loads everything that was there before. What cannot be loaded any more is unavailable, and says why. */
  static async open(state: StateFile): Promise<Repository> {
    const repository = new Repository(state);
    for (const [name, { revisions, traffic }] of Object.entries(await state.read())) {
      const model: Model = { revisions: new Map(), traffic };
      repository.models.set(name, model);
      for (const [revision, uri] of Object.entries(revisions)) {
        model.revisions.set(revision, startLoading(uri));
      }
    }
    await repository.settled();
    return repository;
  }

  index(): RepositoryEntry[] {
    return [...this.models].flatMap(([name, { revisions }]) =>
      [...revisions].map(([version, { uri, file, failure }]) => ({
        name,
        version,
        state: file ? ('READY' as const) : failure ? ('UNAVAILABLE' as const) : ('LOADING' as const),
        reason: failure ?? '',
        uri,
        ...(file && { sha256: file.sha256 }),
      })),
    );
  }

  /** Begins to load; `index` tells how it went. A revision stands for one file: it must be unloaded before it can be another. */
  async load(name: string, revision: string, uri: string): Promise<void> {
    const model = this.models.get(name) ?? { revisions: new Map<string, Revision>(), traffic: {} };
    const existing = model.revisions.get(revision);
    if (existing && existing.uri !== uri && !existing.failure) {
      throw new AnswerError(409, `revision ${revision} of ${name} is ${existing.uri} already; choose another name`);
    }
    if (existing && !existing.failure) return;
    this.models.set(name, model);
    model.revisions.set(revision, startLoading(uri));
    await this.save();
  }

  async unload(name: string, revision: string): Promise<void> {
    const model = this.models.get(name);
    const entry = model?.revisions.get(revision);
    if (!model || !entry) return;
    if (model.traffic[revision]) {
      throw new AnswerError(409, `revision ${revision} of ${name} has ${model.traffic[revision]} % of the traffic`);
    }
    model.revisions.delete(revision);
    model.traffic = Object.fromEntries(Object.entries(model.traffic).filter(([name]) => name !== revision));
    await this.save();
    await entry.loading;
    await entry.file?.release();
  }

  traffic(name: string): TrafficSplit {
    return this.model(name).traffic;
  }

  async setTraffic(name: string, split: unknown): Promise<void> {
    const model = this.model(name);
    const ready = [...model.revisions].filter(([, { file }]) => file).map(([revision]) => revision);
    const problem = splitProblem(split, ready);
    if (problem) throw new AnswerError(409, `traffic of ${name}: ${problem}`);
    model.traffic = split as TrafficSplit;
    await this.save();
  }

  /** The named revision, or the one that the split gives for `at` (uniform in [0, 1)). */
  serving(name: string, at: number, named?: string): Serving {
    const model = this.model(name);
    const revision = named ?? pickRevision(model.traffic, at);
    if (!revision) throw new AnswerError(503, `no revision of ${name} has traffic`);
    const entry = model.revisions.get(revision);
    if (!entry) throw new AnswerError(404, `${name} has no revision ${revision}`);
    if (!entry.file) throw new AnswerError(503, `revision ${revision} of ${name} is not ready`);
    return { revision, file: entry.file };
  }

  names(): string[] {
    return [...this.models.keys()];
  }

  async close(): Promise<void> {
    await this.settled();
    for (const { file } of this.revisions()) await file?.release();
  }

  /** Resolves when nothing is loading. */
  async settled(): Promise<void> {
    await Promise.all(this.revisions().map(({ loading }) => loading));
  }

  private revisions(): Revision[] {
    return [...this.models.values()].flatMap(({ revisions }) => [...revisions.values()]);
  }

  private model(name: string): Model {
    const model = this.models.get(name);
    if (!model) throw new AnswerError(404, `there is no model ${name}`);
    return model;
  }

  private save(): Promise<void> {
    const state: PredictorState = {};
    for (const [name, { revisions, traffic }] of this.models) {
      state[name] = { revisions: Object.fromEntries([...revisions].map(([r, { uri }]) => [r, uri])), traffic };
    }
    return this.state.write(state);
  }
}

function startLoading(uri: string): Revision {
  const entry: Revision = { uri, loading: Promise.resolve() };
  entry.loading = openOnnxFile(uri).then(
    (file) => {
      entry.file = file;
    },
    (error: unknown) => {
      entry.failure = (error as Error).message;
    },
  );
  return entry;
}

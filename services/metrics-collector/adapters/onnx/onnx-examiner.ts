import type { ArtifactStore } from '#artifacts';
import type { Executor } from '#onnx-autodiff';
import type { Examination, ExaminationRequest, Examiner, RevisionFiles } from '../../domain/examination.js';
import { examineRows } from '../../domain/examine-rows.js';
import { VerdictStatistics } from '../../domain/verdict-statistics.js';
import { openSession, type RevisionSession } from './revision-session.js';

interface Opened {
  session: Promise<RevisionSession>;
  failedAt?: number;
}

/** A model with its canary, and a few neighbours. */
const MOST_SESSIONS = 6;
const MOST_ANOMALIES = 8;
/** A file that could not be used may have come meanwhile. */
const RETRY_MS = 30_000;

/** Examines rows with the revision's own ONNX file, one call after the other: what a row says depends on nothing but the row. */
export class OnnxExaminer implements Examiner {
  private readonly sessions = new Map<string, Opened>();
  private readonly anomalies = new Map<string, VerdictStatistics>();
  private tail: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: ArtifactStore,
    private readonly executor: Executor,
    /** Milliseconds. */
    private readonly now: () => number,
  ) {}

  examine(request: ExaminationRequest): Promise<Examination> {
    const result = this.tail.then(() => this.work(request));
    this.tail = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    await this.tail;
    for (const { session } of this.sessions.values()) await release(session);
    this.sessions.clear();
  }

  private async work({ files, members, x, suspicion }: ExaminationRequest): Promise<Examination> {
    const { model, calibration, signals } = await this.session(files);
    const rows = await examineRows(model, signals, x, members.length);
    if (!suspicion || !calibration || suspicion.tests.length === 0) return { rows, pairs: [], groups: [] };
    const key = `${suspicion.anomalyId} ${files.calibration?.sha256}`;
    const statistics = recent(this.anomalies, key, () => new VerdictStatistics(calibration, suspicion));
    for (const stale of oldest(this.anomalies, MOST_ANOMALIES)) this.anomalies.delete(stale);
    return { rows, ...(await statistics.add(model, members, x)) };
  }

  private async session(files: RevisionFiles): Promise<RevisionSession> {
    const key = JSON.stringify([files.modelFile.sha256, files.calibration?.sha256, files.inputs]);
    const failedAt = this.sessions.get(key)?.failedAt;
    if (failedAt !== undefined && this.now() - failedAt >= RETRY_MS) this.sessions.delete(key);
    const opened = recent(this.sessions, key, () => this.open(files));
    for (const stale of oldest(this.sessions, MOST_SESSIONS)) {
      const { session } = this.sessions.get(stale)!;
      this.sessions.delete(stale);
      await release(session);
    }
    return opened.session;
  }

  private open(files: RevisionFiles): Opened {
    const opened: Opened = { session: openSession(this.store, this.executor, files) };
    opened.session.catch(() => (opened.failedAt = this.now()));
    return opened;
  }
}

const release = (session: Promise<RevisionSession>): Promise<void> =>
  session.then((opened) => opened.release()).catch(() => undefined);

/** The entry of a map that is kept in the order of use. */
function recent<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.delete(key);
  map.set(key, value);
  return value;
}

const oldest = (map: Map<string, unknown>, kept: number): string[] => [...map.keys()].slice(0, -kept);

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Ignored } from '../domain/signals.js';

export class DetectorMetrics {
  private readonly ignored: Counter<'reason'>;
  private readonly leading: Gauge;
  private readonly unreadable: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.ignored = new Counter({
      name: 'antibody_detector_ignored_total',
      help: 'What did not count: samples that are invalid, of an unwatched revision, of one too many without a policy, or with a stale calibration; values of unknown signals',
      labelNames: ['reason'],
      registers,
    });
    this.leading = new Gauge({ name: 'antibody_detector_leading', help: '1: this replica is the writer', registers });
    this.unreadable = new Gauge({
      name: 'antibody_detector_unreadable_calibrations',
      help: 'Revisions watched without their calibration, because it cannot be read',
      registers,
    });
    this.leading.set(0);
  }

  ignore(reasons: readonly (Ignored | 'invalid')[]): void {
    for (const reason of reasons) this.ignored.inc({ reason });
  }

  lead(isLeading: boolean): void {
    this.leading.set(isLeading ? 1 : 0);
  }

  cannotRead(revisions: number): void {
    this.unreadable.set(revisions);
  }
}

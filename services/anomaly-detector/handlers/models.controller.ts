import { Controller, Get } from '@nestjs/common';
import { combinedEvidence } from '#change-detection';
import { signalEvidence } from '../domain/anomaly.js';
import { examined } from '../domain/signals.js';
import type { ModelState } from '../domain/state.js';
import { DetectorLoop } from './detector.loop.js';

/** What the detector knows at present, for people. */
@Controller('v1/models')
export class ModelsController {
  constructor(private readonly detector: DetectorLoop) {}

  @Get()
  list() {
    return this.detector.leading ? this.detector.writer.snapshot().flatMap(describeModel) : { standby: true };
  }
}

const describeModel = ({ namespace, model, revisions }: ModelState) =>
  Object.entries(revisions).map(([revision, state]) => ({
    namespace,
    model,
    revision,
    calibration: state.calibration,
    examined: examined(state),
    evidence: combinedEvidence(Object.values(state.signals).map(({ esr }) => esr)),
    signals: signalEvidence(state),
    anomaly: state.anomaly && {
      id: state.anomaly.id,
      openedAt: state.anomaly.openedAt,
      verdict: state.anomaly.verdict,
      tests: state.anomaly.tests.map(({ test }) => test),
    },
  }));

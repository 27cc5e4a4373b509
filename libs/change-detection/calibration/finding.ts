import { NO_COSTLY_ATTACK } from './gap.js';
import type { Thresholds } from '../verdict/decision.js';
import type { Power, TestCalibration } from './calibration.js';
import type { TestCondition } from './choose-split.js';

/** What calibration found for one test. Its power depends on how many tests will run side by side, which is known last. */
export interface Finding<Test extends TestCalibration> {
  calibration: Omit<Test, 'power'>;
  power(thresholds: Thresholds): Power[];
}

export function powerOver<C extends Pick<TestCondition, 'name' | 'role' | 'epsilon' | 'accuracy'>>(
  conditions: readonly C[],
  requests: (condition: C) => number | null,
): Power[] {
  return conditions.flatMap((condition) => {
    const { name, role, epsilon, accuracy } = condition;
    if (role !== 'attack' || accuracy === null) return [];
    return [{ attack: name, epsilon, accuracy, expectedRequests: requests(condition) }];
  });
}

export function refusal(gap: number | null, least: number): string | null {
  if (gap === null) return NO_COSTLY_ATTACK;
  if (gap >= least) return null;
  return `the model’s own attacks lie ${gap.toFixed(3)} above what harmless changes reach; ${least} is needed`;
}

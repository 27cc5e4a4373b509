import { convolutionCases } from '../ops/convolution.cases.js';
import { elementwiseCases } from '../ops/elementwise.cases.js';
import { linearCases } from '../ops/linear.cases.js';
import { normalizationCases } from '../ops/normalization.cases.js';
import { poolingCases } from '../ops/pooling.cases.js';
import { recurrentCases } from '../ops/recurrent.cases.js';
import { reductionCases } from '../ops/reduction.cases.js';
import { structuralCases } from '../ops/structural.cases.js';
import type { GradientCase } from './gradientCase.js';

/** By operation; every executor has to pass them. */
export const allCases: Readonly<Record<string, readonly GradientCase[]>> = {
  ...convolutionCases,
  ...linearCases,
  ...poolingCases,
  ...normalizationCases,
  ...elementwiseCases,
  ...recurrentCases,
  ...reductionCases,
  ...structuralCases,
};

/** float32 differences of smooth functions agree to about 1e-3 of the largest gradient; wrong rules are off by 0.1 and more. */
export const GRADIENT_TOLERANCE = 4e-3;

import { convolution } from './convolution.js';
import type { Operation } from './definition.js';
import { elementwise } from './elementwise.js';
import { linear } from './linear.js';
import { normalization } from './normalization.js';
import { pooling } from './pooling.js';
import { recurrent } from './recurrent.js';
import { reduction } from './reduction.js';
import { structural } from './structural.js';

/** Every operation that a model may contain. */
export const operations = {
  ...convolution,
  ...linear,
  ...pooling,
  ...normalization,
  ...elementwise,
  ...recurrent,
  ...reduction,
  ...structural,
} satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

export const operationOf = (op: string): Operation | undefined =>
  Object.hasOwn(operations, op) ? operations[op as OperationName] : undefined;

import { type CasesOf, type CaseFile, type GradientCase, uniform } from '../testing/gradientCase.js';
import type { Attributes } from '../file/attributes.js';
import type { recurrent } from './recurrent.js';

const [STEPS, ROWS, FEATURES, HIDDEN] = [4, 2, 3, 2];

/** Both weights and all biases are differentiated; `output` is 0 for all steps, 1 for the last, 2 for the last cell. */
function layer(
  op: string,
  gates: number,
  name: string,
  output: number,
  attributes: Attributes = {},
  further: (file: CaseFile) => string[] = () => [],
): GradientCase {
  const directions = attributes['direction'] === 'bidirectional' ? 2 : 1;
  const width = gates * HIDDEN;
  return {
    name,
    inputs: {
      x: uniform([STEPS, ROWS, FEATURES]),
      w: uniform([directions, width, FEATURES]),
      r: uniform([directions, width, HIDDEN]),
      b: uniform([directions, 2 * width]),
    },
    build: (file) =>
      file.nodeWithOutputs(
        op,
        ['x', 'w', 'r', 'b', ...further(file)],
        { hidden_size: HIDDEN, ...attributes },
        output + 1,
      )[output] ?? '',
  };
}

const numbers = (file: CaseFile, dims: readonly number[]) =>
  file.constant(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1) / 2),
    dims,
  );

export const recurrentCases: CasesOf<typeof recurrent> = {
  RNN: [layer('RNN', 1, 'every step', 0), layer('RNN', 1, 'last step, from the end', 1, { direction: 'reverse' })],
  LSTM: [
    layer('LSTM', 4, 'every step, both directions', 0, { direction: 'bidirectional' }),
    layer('LSTM', 4, 'last step', 1),
    layer('LSTM', 4, 'last cell, with a first state and peepholes', 2, {}, (file) => [
      '',
      numbers(file, [1, ROWS, HIDDEN]),
      numbers(file, [1, ROWS, HIDDEN]),
      numbers(file, [1, 3 * HIDDEN]),
    ]),
  ],
  GRU: [
    layer('GRU', 3, 'every step, both directions', 0, { direction: 'bidirectional' }),
    layer('GRU', 3, 'as PyTorch and Keras have it', 1, { linear_before_reset: 1 }),
  ],
};

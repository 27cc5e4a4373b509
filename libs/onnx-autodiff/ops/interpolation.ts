import type { Emitter } from '../emitter.js';
import type { GraphNode, ValueType } from '../graph.js';
import { asNumbers, elementCount } from '../tensor.js';
import { numberAttribute, stringAttribute } from './attributes.js';

/** Weights of the elements of one axis in one element of the result, by their positions; may lie outside. */
type Taps = readonly (readonly [position: number, weight: number])[];

/**
 * Resize along each axis is linear: a product with a matrix [out, in] of interpolation weights. undefined where ONNX
 * Runtime and this would not agree on the coordinates.
 */
export function resizedByMatrices(
  emit: Emitter,
  node: GraphNode,
  outputs: readonly ValueType[],
): readonly string[] | undefined {
  let result = node.inputs[0] ?? '';
  const from = emit.dims(result);
  const to = outputs[0]?.dims ?? [];
  const listed = emit.graph.constants.get(node.inputs[2] ?? '');
  const scales = listed && listed.data.length === to.length ? asNumbers(listed) : to.map((size, i) => size / from[i]!);
  for (const [axis, size] of to.entries()) {
    const [before, scale] = [from[axis] ?? 1, scales[axis] ?? 1];
    if (size === before && scale === 1) continue;
    const matrix = interpolationMatrix(node, before, size, scale);
    if (!matrix) return undefined;
    const dims = emit.dims(result);
    const after = elementCount(dims.slice(axis + 1));
    const product = emit.matMul(
      emit.graph.constant(matrix, [size, before]),
      emit.reshape(result, [elementCount(dims.slice(0, axis)), before, after]),
    );
    result = emit.reshape(
      product,
      dims.map((dim, i) => (i === axis ? size : dim)),
    );
  }
  return [result];
}

function interpolationMatrix(node: GraphNode, from: number, to: number, scale: number): Float32Array | undefined {
  const tapsAt = tapsOf(node);
  const matrix = new Float32Array(from * to);
  for (let row = 0; row < to; row++) {
    const x = coordinate(stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel'), row, from, to, scale);
    if (x === undefined || !tapsAt) return undefined;
    for (const [position, weight] of tapsAt(x, from))
      matrix[row * from + Math.max(0, Math.min(from - 1, position))]! += weight;
  }
  return matrix;
}

/** Where in the input an element of the output lies, in single precision as ONNX Runtime computes it. */
function coordinate(mapping: string, row: number, from: number, to: number, scale: number): number | undefined {
  const halfPixel = Math.fround(Math.fround((row + 0.5) / Math.fround(scale)) - 0.5);
  switch (mapping) {
    case 'half_pixel':
      return halfPixel;
    case 'pytorch_half_pixel':
      return to > 1 ? halfPixel : 0;
    case 'asymmetric':
      return Math.fround(row / Math.fround(scale));
    case 'align_corners':
      if (Math.abs(from * scale - to) > 1e-3) return undefined;
      return to === 1 ? 0 : Math.fround((row * (from - 1)) / (to - 1));
    default:
      return undefined;
  }
}

function tapsOf(node: GraphNode): ((x: number, size: number) => Taps) | undefined {
  switch (stringAttribute(node, 'mode', 'nearest')) {
    case 'nearest': {
      const round = roundings[stringAttribute(node, 'nearest_mode', 'round_prefer_floor')];
      return round && ((x) => [[round(x), 1]]);
    }
    case 'linear':
      return linearTaps;
    case 'cubic': {
      const a = numberAttribute(node, 'cubic_coeff_a', -0.75);
      const inside = numberAttribute(node, 'exclude_outside', 0) !== 0;
      return (x, size) => cubicTaps(x, size, a, inside);
    }
    default:
      return undefined;
  }
}

const roundings: Record<string, ((x: number) => number) | undefined> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

function linearTaps(x: number, size: number): Taps {
  const clamped = Math.max(0, Math.min(size - 1, x));
  const first = Math.floor(clamped);
  return [
    [first, 1 - (clamped - first)],
    [first + 1, clamped - first],
  ];
}

/** Keys, "Cubic convolution interpolation for digital image processing" (1981), with the parameter a. */
function cubicTaps(x: number, size: number, a: number, excludeOutside: boolean): Taps {
  const first = Math.floor(x);
  const t = x - first;
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  const taps = [far(1 + t), near(t), near(1 - t), far(2 - t)].map((weight, i) => [first - 1 + i, weight] as const);
  if (!excludeOutside) return taps;
  const inside = taps.filter(([position]) => position >= 0 && position < size);
  const total = inside.reduce((sum, [, weight]) => sum + weight, 0);
  return inside.map(([position, weight]) => [position, weight / total]);
}

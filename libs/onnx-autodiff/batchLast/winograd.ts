import type { Emitter } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { integersAttribute } from '../ops/attributes.js';
import { type Window, spelledOutWindow } from '../ops/window.js';
import { kronecker, transposed } from './bilinear.js';
import { constantMatrix } from './constants.js';
import type { ConvolutionLowering } from './convolutionLowering.js';
import { outerSum } from './sums.js';
import { fromOutputs, fromProducts, type TiledAxis, tiledAxis, toOutputs, toProducts } from './tiledAxis.js';

/**
 * Winograd's convolution with matrix products alone, first along one spatial axis, then along the other (Lavin and Gray 2016).
 * The gradients are the adjoints of the same chain. What they share (transformed input, output adjoint and weights), and what
 * the steps of an attack share, becomes one node by the elimination of common subexpressions.
 */
export const winograd: ConvolutionLowering = {
  forward: (emit, node) => {
    const [x = '', w = ''] = node.inputs;
    const axes = tiledAxes(spelledOutWindow(node), emit.dims(x), node);
    return fromTiles(emit, emit.matMul(transformedWeights(emit, w, axes), toTiles(emit, x, axes)), axes);
  },
  inputGradient: (emit, node) => {
    const [g = '', w = ''] = node.inputs;
    const dims = integersAttribute(node, 'input_dims', []);
    const axes = tiledAxes(spelledOutWindow(node), dims, node);
    const turned = emit.transpose(w, [0, 2, 1]);
    const tiles = emit.matMul(transformedWeights(emit, turned, axes), adjointTiles(emit, g, axes));
    const [rows, columns] = axes;
    const [, width = 1, channels = 1, batch = 1] = dims;
    const inner = channels * batch;
    const ofColumns = fromProducts(emit, emit.reshape(tiles, [rows.products, columns.products, inner]), columns);
    return emit.reshape(fromProducts(emit, emit.reshape(ofColumns, [1, rows.products, width * inner]), rows), dims);
  },
  weightGradient: (emit, node) => {
    const [x = '', g = ''] = node.inputs;
    const axes = tiledAxes(spelledOutWindow(node), emit.dims(x), node);
    const [rows, columns] = axes;
    const inputs = emit.transpose(toTiles(emit, x, axes), [0, 1, 2, 3, 5, 4]);
    const products = emit.matMul(adjointTiles(emit, g, axes), inputs); // [tiles, a, tiles, a, O, C]
    const [, a = 1, , b = 1, outputs = 1, channels = 1] = emit.dims(products);
    const size = outputs * channels;
    const overRows = outerSum(emit, emit.reshape(products, [rows.tiles, a * columns.tiles * b * size]));
    const overTiles =
      columns.tiles === 1 ? overRows : emit.sum(emit.reshape(overRows, [a, columns.tiles, b * size]), [1]);
    const transform = constantMatrix(emit, transposed(weightTransform(axes)));
    const sum = emit.matMul(transform, emit.reshape(overTiles, [a * b, size]));
    return emit.reshape(sum, [emit.dims(sum)[0] ?? 1, outputs, channels]);
  },
};

type Axes = readonly [rows: TiledAxis, columns: TiledAxis];

function tiledAxes({ kernel, strides, pads }: Window, inputDims: readonly number[], node: GraphNode): Axes {
  const outputs = integersAttribute(node, 'output_sizes', []);
  const at = (axis: number) =>
    tiledAxis(inputDims[axis] ?? 1, outputs[axis] ?? 1, kernel[axis] ?? 1, strides[axis] ?? 1, pads[axis] ?? 0);
  return [at(0), at(1)];
}

const weightTransform = ([rows, columns]: Axes) => kronecker(rows.algorithm.weight, columns.algorithm.weight);

/** [k * k, O, C] to [a, 1, a, O, C]. */
function transformedWeights(emit: Emitter, w: string, axes: Axes): string {
  const [taps = 1, outputs = 1, channels = 1] = emit.dims(w);
  const flat = emit.reshape(w, [taps, outputs * channels]);
  const transformed = emit.matMul(constantMatrix(emit, weightTransform(axes)), flat);
  const [a, b] = axes.map(({ algorithm }) => algorithm.input.length) as [number, number];
  return emit.reshape(transformed, [a, 1, b, outputs, channels]);
}

/** [H, W, C, B] to [tiles, a, tiles, a, C, B]. */
function toTiles(emit: Emitter, x: string, [rows, columns]: Axes): string {
  const [height = 1, width = 1, channels = 1, batch = 1] = emit.dims(x);
  const inner = channels * batch;
  const ofRows = toProducts(emit, emit.reshape(x, [1, height, width * inner]), rows);
  const both = toProducts(emit, emit.reshape(ofRows, [rows.products, width, inner]), columns);
  return asTiles(emit, both, [rows, columns], channels, batch);
}

const asTiles = (emit: Emitter, x: string, [rows, columns]: Axes, channels: number, batch: number): string =>
  emit.reshape(x, [
    rows.tiles,
    rows.algorithm.input.length,
    columns.tiles,
    columns.algorithm.input.length,
    channels,
    batch,
  ]);

/** [tiles, a, tiles, a, O, B] to [H, W, O, B]. */
function fromTiles(emit: Emitter, products: string, [rows, columns]: Axes): string {
  const [channels = 1, batch = 1] = emit.dims(products).slice(4);
  const inner = channels * batch;
  const ofColumns = toOutputs(emit, emit.reshape(products, [rows.products, columns.products, inner]), columns);
  const both = toOutputs(emit, emit.reshape(ofColumns, [1, rows.products, columns.outputs * inner]), rows);
  return emit.reshape(both, [rows.outputs, columns.outputs, channels, batch]);
}

/** Its adjoint. */
function adjointTiles(emit: Emitter, g: string, [rows, columns]: Axes): string {
  const [height = 1, width = 1, channels = 1, batch = 1] = emit.dims(g);
  const inner = channels * batch;
  const ofRows = fromOutputs(emit, emit.reshape(g, [1, height, width * inner]), rows);
  const both = fromOutputs(emit, emit.reshape(ofRows, [rows.products, width, inner]), columns);
  return asTiles(emit, both, [rows, columns], channels, batch);
}

import { type Emitter, range } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { integersAttribute } from '../ops/attributes.js';
import { spelledOutWindow } from '../ops/window.js';
import { filled, indexTable } from './constants.js';
import type { ConvolutionLowering } from './convolutionLowering.js';
import { outerSum } from './sums.js';

/** For few channels and odd windows: one Gather of rows of C x B numbers lays out what each output sees, one product does the rest. */
export const im2col: ConvolutionLowering = {
  forward: (emit, node) => {
    const [x = '', w = ''] = node.inputs;
    const [taps = 1, outputs = 1, channels = 1] = emit.dims(w);
    const weights = emit.reshape(emit.transpose(w, [1, 0, 2]), [outputs, taps * channels]);
    const [height = 1, width = 1] = integersAttribute(node, 'output_sizes', []);
    const y = emit.matMul(weights, seen(emit, x, node));
    return emit.reshape(y, [height, width, outputs, emit.dims(x)[3] ?? 1]);
  },
  inputGradient: (emit, node) => {
    const [g = '', w = ''] = node.inputs;
    const dims = integersAttribute(node, 'input_dims', []);
    const [height = 1, width = 1, channels = 1, batch = 1] = dims;
    const [taps = 1, outputs = 1] = emit.dims(w);
    const { positions, seenBy } = windowTables(node, height, width);
    const most = Math.max(...seenBy.map((list) => list.length));
    const even = seenBy.every((list) => list.length === most);
    const flat = emit.reshape(g, [positions, outputs, batch]);
    // What is not there is an output of adjoint 0, appended here where it is small.
    const padded = even ? flat : emit.concat([flat, filled(emit, [1, outputs, batch], 0)], 0);
    const weights = emit.reshape(emit.transpose(w, [0, 2, 1]), [taps * channels, outputs]);
    const parts = emit.reshape(emit.matMul(weights, padded), [emit.dims(padded)[0]! * taps, channels * batch]);
    const missing = positions * taps;
    const table = seenBy.flatMap((list) => Array.from({ length: most }, (_, i) => list[i] ?? missing));
    const gathered = emit.apply('Gather', [parts, indexTable(emit, table, [height * width, most])], { axis: 0 }, [
      height * width,
      most,
      channels * batch,
    ]);
    return emit.reshape(emit.sum(gathered, [1], false), dims);
  },
  weightGradient: (emit, node) => {
    const [x = '', g = ''] = node.inputs;
    const [taps = 1, outputs = 1, channels = 1] = integersAttribute(node, 'weight_dims', []);
    const columns = seen(emit, x, node);
    const [positions = 1, , batch = 1] = emit.dims(columns);
    const adjoints = emit.reshape(g, [positions, outputs, batch]);
    const products = emit.matMul(adjoints, emit.transpose(columns, [0, 2, 1])); // [P, O, taps * C]
    return emit.transpose(emit.reshape(outerSum(emit, products), [outputs, taps, channels]), [1, 0, 2]);
  },
};

/** [positions, taps * C, B] */
function seen(emit: Emitter, x: string, node: GraphNode): string {
  const [height = 1, width = 1, channels = 1, batch = 1] = emit.dims(x);
  const { positions, taps, sees } = windowTables(node, height, width);
  const rows = emit.reshape(x, [height * width, channels * batch]);
  const beyond = sees.some((place) => place === height * width);
  const padded = beyond ? emit.concat([rows, filled(emit, [1, channels * batch], 0)], 0) : rows;
  const gathered = emit.apply('Gather', [padded, indexTable(emit, sees, [positions, taps])], { axis: 0 }, [
    positions,
    taps,
    channels * batch,
  ]);
  return emit.reshape(gathered, [positions, taps * channels, batch]);
}

/** `sees`: for each output and tap the input's place, or one beyond the last. `seenBy`: for each input place its entries there. */
function windowTables(node: GraphNode, height: number, width: number) {
  const { kernel, strides, pads } = spelledOutWindow(node);
  const [rows = 1, columns = 1] = integersAttribute(node, 'output_sizes', []);
  const [kernelRows = 1, kernelColumns = 1] = kernel;
  const places = (axis: number, output: number, taps: number) =>
    range(0, taps).map((tap) => output * (strides[axis] ?? 1) + tap - (pads[axis] ?? 0));
  const beyond = height * width;
  const sees = range(0, rows).flatMap((row) => {
    const down = places(0, row, kernelRows);
    return range(0, columns).flatMap((column) => {
      const right = places(1, column, kernelColumns);
      return down.flatMap((y) => right.map((x) => (inside(y, height) && inside(x, width) ? y * width + x : beyond)));
    });
  });
  const seenBy = range(0, beyond).map((): number[] => []);
  sees.forEach((place, entry) => seenBy[place]?.push(entry));
  return { positions: rows * columns, taps: kernelRows * kernelColumns, sees, seenBy };
}

const inside = (place: number, size: number): boolean => place >= 0 && place < size;

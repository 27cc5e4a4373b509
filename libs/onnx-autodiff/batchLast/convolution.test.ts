import { describe, expect, it } from '@jest/globals';
import { Emitter } from '../emitter.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { ortExecutor } from '../ortExecutor.js';
import { normalStream } from '../random.js';
import { elementCount, floats } from '../tensor.js';
import type { Algorithm } from './convolution.js';

interface Case {
  algorithm: Algorithm;
  size: [number, number];
  channels?: [inputs: number, outputs: number];
  kernel: [number, number];
  stride?: number;
  /** Top, left, bottom, right. */
  pads?: [number, number, number, number];
}

const cases: Case[] = [
  { algorithm: 'winograd', size: [8, 8], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { algorithm: 'winograd', size: [8, 6], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { algorithm: 'winograd', size: [4, 9], kernel: [3, 5], pads: [1, 2, 1, 2] },
  { algorithm: 'winograd', size: [14, 14], kernel: [5, 5], pads: [2, 2, 2, 2] },
  { algorithm: 'winograd', size: [11, 7], kernel: [3, 3] },
  { algorithm: 'winograd', size: [10, 10], kernel: [3, 3], pads: [0, 0, 1, 1] },
  { algorithm: 'winograd', size: [8, 10], kernel: [3, 3], stride: 2, pads: [1, 1, 1, 1] },
  { algorithm: 'winograd', size: [12, 12], kernel: [5, 5], stride: 2, pads: [2, 2, 2, 2] },
  { algorithm: 'winograd', size: [32, 24], kernel: [3, 3], pads: [1, 1, 1, 1] },
  { algorithm: 'winograd', size: [32, 27], kernel: [3, 3], stride: 2, pads: [1, 1, 1, 1] },
  { algorithm: 'im2col', size: [14, 10], kernel: [4, 4], stride: 2, pads: [1, 1, 1, 1] },
  { algorithm: 'im2col', size: [9, 8], channels: [3, 5], kernel: [3, 2] },
  { algorithm: 'im2col', size: [7, 7], kernel: [2, 2], stride: 3 },
  { algorithm: 'im2col', size: [9, 12], kernel: [3, 5], stride: 2, pads: [1, 0, 0, 2] },
  { algorithm: 'im2col', size: [8, 9], channels: [1, 8], kernel: [5, 4], pads: [2, 1, 2, 2] },
  { algorithm: 'im2col', size: [8, 8], channels: [1, 8], kernel: [4, 4], stride: 2, pads: [1, 1, 1, 1] },
  { algorithm: 'pointwise', size: [6, 4], kernel: [1, 1] },
  { algorithm: 'pointwise', size: [7, 6], kernel: [1, 1], stride: 2 },
];

const BATCH = 3;
const noise = (dims: readonly number[], seed: number) =>
  Float32Array.from({ length: elementCount(dims) }, normalStream(seed));

describe('batch-last convolution', () => {
  it.each(cases)('$algorithm of $size by $kernel gives what float64 loops give', async (given) => {
    const { algorithm, size, channels: [inputs, outputs] = [4, 6], kernel, stride = 1, pads = [0, 0, 0, 0] } = given;
    const sizes = size.map((extent, axis) =>
      Math.floor((extent + pads[axis]! + pads[axis + 2]! - kernel[axis]!) / stride + 1),
    );
    const dims = {
      x: [...size, inputs, BATCH],
      w: [elementCount(kernel), outputs, inputs],
      g: [...sizes, outputs, BATCH],
    };
    const graph = new Graph();
    const [x, w, g] = [graph.input('x', dims.x), graph.input('w', dims.w), graph.input('g', dims.g)];
    const window = { kernel_shape: kernel, strides: [stride, stride], dilations: [1, 1], pads };
    const y = new Emitter(graph).apply('BatchLastConv', [x, w], { ...window, algorithm, output_sizes: sizes }, dims.g);
    const slopes = gradients(graph, new Map([[y, g]]), [x, w]);
    graph.output(y, 'y');
    graph.output(slopes.get(x)!, 'dx');
    graph.output(slopes.get(w)!, 'dw');
    const compiled = await ortExecutor({ threads: 1 }).compile(graph);
    const data = { x: noise(dims.x, 1), w: noise(dims.w, 2), g: noise(dims.g, 3) };
    const found = await compiled.run({
      x: floats(data.x, dims.x),
      w: floats(data.w, dims.w),
      g: floats(data.g, dims.g),
    });
    await compiled.release();

    const expected = loops(data, { size, sizes, kernel, stride, pads, inputs, outputs });
    for (const [name, values] of Object.entries(expected)) {
      const got = found[name]!.data as Float32Array;
      const scale = Math.max(...values.map(Math.abs));
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0);
      expect({ name, close: worst / scale < 1e-5 }).toEqual({ name, close: true });
    }
  });
});

/** The definition of a convolution and its adjoints. */
function loops(
  { x, w, g }: Record<'x' | 'w' | 'g', Float32Array>,
  s: {
    size: number[];
    sizes: number[];
    kernel: number[];
    stride: number;
    pads: number[];
    inputs: number;
    outputs: number;
  },
): Record<'y' | 'dx' | 'dw', Float64Array> {
  const result = {
    y: new Float64Array(g.length),
    dx: new Float64Array(x.length),
    dw: new Float64Array(w.length),
  };
  const [height, width] = s.size as [number, number];
  for (let row = 0; row < s.sizes[0]!; row++)
    for (let column = 0; column < s.sizes[1]!; column++)
      for (let i = 0; i < s.kernel[0]!; i++)
        for (let j = 0; j < s.kernel[1]!; j++) {
          const [v, u] = [row * s.stride + i - s.pads[0]!, column * s.stride + j - s.pads[1]!];
          if (v < 0 || u < 0 || v >= height || u >= width) continue;
          for (let o = 0; o < s.outputs; o++)
            for (let c = 0; c < s.inputs; c++)
              for (let b = 0; b < BATCH; b++) {
                const at = ((row * s.sizes[1]! + column) * s.outputs + o) * BATCH + b;
                const from = ((v * width + u) * s.inputs + c) * BATCH + b;
                const tap = ((i * s.kernel[1]! + j) * s.outputs + o) * s.inputs + c;
                result.y[at]! += x[from]! * w[tap]!;
                result.dx[from]! += g[at]! * w[tap]!;
                result.dw[tap]! += g[at]! * x[from]!;
              }
        }
  return result;
}

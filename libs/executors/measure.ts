import { Emitter, type Executor, floats, Graph, gradients } from '#onnx-autodiff';

const WARM_UP = 2;

export interface Load {
  readonly steps?: number;
  readonly batch?: number;
}

/**
 * The median time of what trainings consist of: a convolution with its two gradients, on `batch` pictures of 28 x 28 with 16
 * channels. The first steps, in which a GPU compiles its kernels, do not count. Throws where the executor does not work.
 */
export async function secondsPerStep(executor: Executor, { steps = 5, batch = 64 }: Load = {}): Promise<number> {
  const [xDims, wDims] = [
    [batch, 16, 28, 28],
    [32, 16, 3, 3],
  ];
  const graph = new Graph();
  const emit = new Emitter(graph);
  const [x, w] = [graph.input('x', xDims), graph.input('w', wDims)];
  const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const y = emit.unary('Relu', emit.apply('Conv', [x, w], attributes, [batch, 32, 28, 28]));
  const slopes = gradients(graph, new Map([[y, y]]), [x, w]);
  graph.output(emit.sum(emit.mul(y, y), [0, 1, 2, 3], false), 'size');
  graph.output(slopes.get(w) ?? '', 'dw');
  graph.output(emit.sum(slopes.get(x) ?? '', [0, 1, 2, 3], false), 'dx');
  const feeds = {
    x: floats(new Float32Array(batch * 16 * 28 * 28).fill(0.1), xDims),
    w: floats(new Float32Array(32 * 16 * 9).fill(0.01), wDims),
  };
  const compiled = await executor.compile(graph);
  try {
    const times: number[] = [];
    for (let step = 0; step < WARM_UP + steps; step++) {
      const started = performance.now();
      const { size } = await compiled.run(feeds);
      if (!((size?.data[0] ?? NaN) > 0)) throw new Error('it computes nonsense');
      if (step >= WARM_UP) times.push((performance.now() - started) / 1000);
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? NaN;
  } finally {
    await compiled.release();
  }
}

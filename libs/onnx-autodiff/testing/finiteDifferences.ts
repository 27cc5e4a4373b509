import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { appendProbed } from '../appendProbed.js';
import type { Executor } from '../executor.js';
import { encodeDocument } from '../file/document.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import type { Network } from '../model.js';
import { normalizeNodes } from '../normalizeNodes.js';
import { probe } from '../probe.js';
import { uniformStream } from '../random.js';
import { elementCount, type Tensor } from '../tensor.js';
import { CaseFile, type GradientCase } from './gradientCase.js';

/** Large enough for float32, small enough for curvature. */
const STEP = 1e-2;
/** Of each input at most this many elements are moved. */
const MOVED = 40;

/** How far the network, as it is rewritten for opset 17, is from what the file's own opset computes. */
export async function rewritingError({ inputs, build, opset = 17 }: GradientCase, executor: Executor): Promise<number> {
  const file = new CaseFile();
  const output = build(file);
  const feeds = Object.entries(inputs);
  const document = {
    opset,
    inputs: feeds.map(([name, { type, dims }]) => ({ name, type, dims })),
    outputs: [{ name: output }],
    nodes: [...file.nodes],
    constants: new Map(file.constants),
  };
  const session = await InferenceSession.create(encodeDocument(document));
  const original = await session.run(
    Object.fromEntries(feeds.map(([name, { data, dims }]) => [name, new OrtTensor(data as Float32Array, dims)])),
  );
  await session.release();
  const network = { nodes: normalizeNodes(file.nodes, opset, file.constants), constants: file.constants };
  const graph = caseGraph(network, inputs, await probe(network, new Map(feeds), executor));
  graph.output(output, '@y');
  const compiled = await executor.compile(graph);
  const { '@y': rewritten } = await compiled.run(inputs);
  await compiled.release();
  const expected = original[output]?.data as Float32Array;
  const found = rewritten?.data as Float32Array;
  if (expected.length !== found.length) return Infinity;
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (found[i] ?? NaN))), 0);
}

/** What two executors compute for a case, at most so far apart; Infinity where one gives another shape. */
export async function disagreement(
  { inputs, build, opset = 17 }: GradientCase,
  executors: readonly [Executor, Executor],
): Promise<number> {
  const file = new CaseFile();
  const output = build(file);
  const network: Network = { nodes: normalizeNodes(file.nodes, opset, file.constants), constants: file.constants };
  const values = await probe(network, new Map(Object.entries(inputs)), executors[0]);
  const [first, second] = await Promise.all(
    executors.map(async (executor) => {
      const graph = caseGraph(network, inputs, values);
      graph.output(output, '@y');
      const compiled = await executor.compile(graph);
      const { '@y': y } = await compiled.run(inputs);
      await compiled.release();
      return y;
    }),
  );
  if (!first || !second || first.dims.join() !== second.dims.join()) return Infinity;
  const [found, expected] = [first, second].map(({ data }) => data as Float32Array) as [Float32Array, Float32Array];
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (found[i] ?? NaN))), 0);
}

/** The largest error of the gradients of sum(y * random numbers), as a share of the largest gradient of that input. */
export async function gradientError({ inputs, build, opset = 17 }: GradientCase, executor: Executor): Promise<number> {
  const file = new CaseFile();
  const output = build(file);
  const network: Network = { nodes: normalizeNodes(file.nodes, opset, file.constants), constants: file.constants };
  const feeds = { ...inputs };
  const values = await probe(network, new Map(Object.entries(feeds)), executor);
  const dims = values.get(output)?.dims ?? [];
  const weights = Float32Array.from({ length: elementCount(dims) }, uniformStream(99));

  const forwardGraph = caseGraph(network, inputs, values);
  forwardGraph.output(output, '@y');
  const forward = await executor.compile(forwardGraph);
  const loss = async (): Promise<number> => {
    const { '@y': y } = await forward.run(feeds);
    return (y?.data as Float32Array).reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0);
  };

  const graph = caseGraph(network, inputs, values);
  const names = Object.keys(inputs);
  const found = gradients(graph, new Map([[output, graph.constant(weights, dims)]]), names);
  for (const name of names) graph.output(found.get(name) ?? '', `@gradient ${name}`);
  const backward = await executor.compile(graph);
  const results = await backward.run(feeds);

  let worst = 0;
  for (const name of names) {
    const gradient = results[`@gradient ${name}`];
    if (gradient?.dims.join() !== inputs[name]?.dims.join())
      throw new Error(`the gradient of ${name} has the wrong shape`);
    worst = Math.max(
      worst,
      await largestError(gradient?.data as Float32Array, inputs[name]?.data as Float32Array, loss),
    );
  }
  await forward.release();
  await backward.release();
  return worst;
}

async function largestError(gradient: Float32Array, x: Float32Array, loss: () => Promise<number>): Promise<number> {
  const scale = gradient.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-3);
  const stride = Math.max(1, Math.floor(x.length / MOVED));
  let worst = 0;
  for (let i = 0; i < x.length; i += stride) {
    const original = x[i] ?? 0;
    const at = async (value: number) => {
      x[i] = value;
      return { x: x[i] ?? 0, loss: await loss() };
    };
    const [above, below] = [await at(original + STEP), await at(original - STEP)];
    x[i] = original;
    const slope = (above.loss - below.loss) / (above.x - below.x);
    worst = Math.max(worst, Math.abs(slope - (gradient[i] ?? NaN)) / scale);
    if (!Number.isFinite(gradient[i])) return Infinity;
  }
  return worst;
}

function caseGraph(
  network: Network,
  inputs: Readonly<Record<string, Tensor>>,
  values: ReadonlyMap<string, Tensor>,
): Graph {
  const graph = new Graph(values);
  for (const [name, { dims }] of Object.entries(inputs)) graph.input(name, dims);
  for (const [name, { data, dims, type }] of network.constants) graph.constant(data, dims, type, name);
  appendProbed(graph, network.nodes, values);
  return graph;
}

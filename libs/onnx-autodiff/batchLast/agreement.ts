import type { Executor } from '../executor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { normalStream } from '../random.js';
import { elementCount, floats, type Tensor } from '../tensor.js';

/** Largest difference of logits over the largest logit; ten times what rounding does in a deep network. */
const LOGITS_TOLERANCE = 1e-4;
/** Length of the difference of input gradients over their length: rounding turns a few ReLUs of a deep network on or off. */
const GRADIENT_TOLERANCE = 1e-2;

/** Writes a network into a graph and gives the name of its logits, and what to feed beside x. */
export type Write = (
  graph: Graph,
  x: string,
) => { readonly logits: string; readonly feeds: Readonly<Record<string, Tensor>> };

interface Outputs {
  readonly logits: Float32Array;
  readonly gradient: Float32Array;
}

/** Runs two forms of a network and their input gradients on the same noise; says how they differ, undefined where they do not. */
export async function disagreement(
  [plain, other]: readonly [Write, Write],
  inputDims: readonly number[],
  executor: Executor,
): Promise<string | undefined> {
  const x = floats(Float32Array.from({ length: elementCount(inputDims) }, normalStream(2)), inputDims);
  const [expected, found] = [await outputs(plain, x, executor), await outputs(other, x, executor)];
  const difference = expected.logits.map((value, i) => Math.abs(value - (found.logits[i] ?? NaN)));
  const logits = largest(difference) / (largest(expected.logits.map(Math.abs)) || 1);
  if (!(logits <= LOGITS_TOLERANCE)) return `its logits differ by ${logits.toExponential(1)} of the largest one`;
  const gradient =
    norm(expected.gradient.map((value, i) => value - (found.gradient[i] ?? NaN))) / (norm(expected.gradient) || 1);
  if (!(gradient <= GRADIENT_TOLERANCE))
    return `its input gradient differs by ${gradient.toExponential(1)} of its length`;
  return undefined;
}

async function outputs(write: Write, x: Tensor, executor: Executor): Promise<Outputs> {
  const graph = new Graph();
  const input = graph.input('@x', x.dims);
  const { logits, feeds } = write(graph, input);
  const adjoint = Float32Array.from({ length: elementCount(graph.dims(logits)) }, normalStream(3));
  const seeds = new Map([[logits, graph.constant(adjoint, graph.dims(logits))]]);
  graph.output(gradients(graph, seeds, [input]).get(input) ?? '', '@gradient');
  graph.output(logits, '@logits');
  const compiled = await executor.compile(graph);
  try {
    const results = await compiled.run({ ...feeds, '@x': x });
    return {
      logits: results['@logits']?.data as Float32Array,
      gradient: results['@gradient']?.data as Float32Array,
    };
  } finally {
    await compiled.release();
  }
}

const largest = (values: Float32Array): number => values.reduce((most, value) => (value <= most ? most : value), 0);
const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

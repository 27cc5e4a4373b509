import { bakeWeights, loadClassifier, type LoadOptions } from './classifier.js';
import { batches, paddedRows } from './forward.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import type { OnnxModel } from './model.js';
import { elementCount, floats, type Tensor } from './tensor.js';

/** Which logits of a row to differentiate, when its logits are known. */
export type ChooseClasses = (row: number, logits: Float32Array) => readonly number[] | 'all';

export interface LogitGradientsResult {
  /** rows x classes. */
  readonly logits: Float32Array;
  /** [row][i]: the derivative of the row's i-th chosen logit by its input, as long as a row of input. */
  readonly gradients: readonly (readonly Float32Array[])[];
}

export interface LogitGradients {
  readonly classes: number;
  readonly features: number;
  run(x: Float32Array, rows: number, classes: ChooseClasses): Promise<LogitGradientsResult>;
  release(): Promise<void>;
}

/** `seeds`: how many logits of each row are differentiated in one run, sharing one forward pass. */
export async function compileLogitGradients(
  model: OnnxModel,
  { seeds = 1, ...options }: LoadOptions & { readonly seeds?: number },
): Promise<LogitGradients> {
  const classifier = await loadClassifier(model, options);
  const { batch, classes, inputDims } = classifier;
  const weightsOf = (graph: Graph) => bakeWeights(graph, classifier);

  const forwardGraph = new Graph();
  const forwardX = forwardGraph.input('@x', inputDims);
  forwardGraph.output(classifier.instantiate(forwardGraph, forwardX, weightsOf(forwardGraph), 'forward.'), '@logits');

  const graph = new Graph();
  const x = graph.input('@x', inputDims);
  const logits = classifier.instantiate(graph, x, weightsOf(graph), 'forward.');
  for (let seed = 0; seed < seeds; seed++) {
    const adjoint = graph.input(`@seed${seed}`, [batch, classes]);
    graph.output(gradients(graph, new Map([[logits, adjoint]]), [x]).get(x) ?? '', `@gradient${seed}`);
  }
  const [forward, backward] = [await options.executor.compile(forwardGraph), await options.executor.compile(graph)];
  const features = elementCount(inputDims.slice(1));

  /** The chosen gradients of one batch: as many runs as its most demanding row needs. */
  async function differentiate(input: Tensor, chosen: readonly (readonly number[])[]): Promise<Float32Array[][]> {
    const found = chosen.map((): Float32Array[] => []);
    const most = Math.max(0, ...chosen.map((list) => list.length));
    for (let first = 0; first < most; first += seeds) {
      const feeds: Record<string, Tensor> = { '@x': input };
      for (let seed = 0; seed < seeds; seed++)
        feeds[`@seed${seed}`] = oneHot(
          chosen.map((list) => list[first + seed]),
          batch,
          classes,
        );
      const results = await backward.run(feeds);
      for (let seed = 0; seed < seeds; seed++) {
        const data = results[`@gradient${seed}`]?.data as Float32Array;
        chosen.forEach((list, row) => {
          if (first + seed < list.length) found[row]?.push(data.slice(row * features, (row + 1) * features));
        });
      }
    }
    return found;
  }

  return {
    classes,
    features,
    run: async (rowsOfX, rows, choose) => {
      const allLogits = new Float32Array(rows * classes);
      const allGradients: Float32Array[][] = [];
      for (const { start, end } of batches(rows, batch)) {
        const input = floats(paddedRows(rowsOfX, start, end, batch, features), inputDims);
        const { '@logits': result } = await forward.run({ '@x': input });
        allLogits.set((result?.data as Float32Array).subarray(0, (end - start) * classes), start * classes);
        const chosen = Array.from({ length: end - start }, (_, i) => {
          const list = choose(start + i, allLogits.subarray((start + i) * classes, (start + i + 1) * classes));
          return list === 'all' ? Array.from({ length: classes }, (_unused, c) => c) : list;
        });
        allGradients.push(...(await differentiate(input, chosen)));
      }
      return { logits: allLogits, gradients: allGradients };
    },
    release: async () => {
      await forward.release();
      await backward.release();
    },
  };
}

function oneHot(chosen: readonly (number | undefined)[], batch: number, classes: number): Tensor {
  const data = new Float32Array(batch * classes);
  chosen.forEach((chosenClass, row) => {
    if (chosenClass !== undefined) data[row * classes + chosenClass] = 1;
  });
  return floats(data, [batch, classes]);
}

import { bakeWeights, loadClassifier, type LoadOptions } from './classifier.js';
import { Graph } from './graph.js';
import type { OnnxModel } from './model.js';
import { elementCount, floats } from './tensor.js';

export interface Forward {
  readonly classes: number;
  /** Numbers in one row of input. */
  readonly features: number;
  /** Any number of rows, one after the other; gives their logits likewise. */
  run(x: Float32Array, rows: number): Promise<Float32Array>;
  release(): Promise<void>;
}

/** The model's logits, its weights as they are in the file. */
export async function compileForward(model: OnnxModel, options: LoadOptions): Promise<Forward> {
  const classifier = await loadClassifier(model, options);
  const { batch, classes, inputDims } = classifier;
  const graph = new Graph();
  const x = graph.input('@x', inputDims);
  graph.output(classifier.instantiate(graph, x, bakeWeights(graph, classifier), 'forward.'), '@logits');
  const compiled = await options.executor.compile(graph);
  const features = elementCount(inputDims.slice(1));
  return {
    classes,
    features,
    run: async (rowsOfX, rows) => {
      const logits = new Float32Array(rows * classes);
      for (const { start, end } of batches(rows, batch)) {
        const { '@logits': result } = await compiled.run({
          '@x': floats(paddedRows(rowsOfX, start, end, batch, features), inputDims),
        });
        logits.set((result?.data as Float32Array).subarray(0, (end - start) * classes), start * classes);
      }
      return logits;
    },
    release: () => compiled.release(),
  };
}

export function* batches(rows: number, batch: number): Generator<{ start: number; end: number }> {
  for (let start = 0; start < rows; start += batch) yield { start, end: Math.min(rows, start + batch) };
}

/** Rows [start, end) and zeros up to a whole batch. */
export function paddedRows(x: Float32Array, start: number, end: number, batch: number, width: number): Float32Array {
  if (x.length < end * width) throw new RangeError(`${x.length} numbers are not ${end} rows of ${width}`);
  const part = x.subarray(start * width, end * width);
  if (end - start === batch) return part;
  const padded = new Float32Array(batch * width);
  padded.set(part);
  return padded;
}

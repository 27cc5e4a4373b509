import type { Emitter } from '../emitter.js';
import type { Graph } from '../graph.js';
import type { Matrix } from './bilinear.js';

/** Equal tables of one graph are one constant, so that what is computed with them shows as a common subexpression. */
const known = new WeakMap<Graph, Map<string, string>>();

function shared(graph: Graph, key: string, make: () => string): string {
  const ofGraph = known.get(graph) ?? new Map<string, string>();
  known.set(graph, ofGraph);
  const name = ofGraph.get(key) ?? make();
  ofGraph.set(key, name);
  return name;
}

export const constantMatrix = (emit: Emitter, matrix: Matrix): string =>
  shared(emit.graph, JSON.stringify(matrix), () =>
    emit.graph.constant(Float32Array.from(matrix.flat()), [matrix.length, matrix[0]?.length ?? 0]),
  );

/** [matrices, rows, columns] */
export const stackedMatrices = (emit: Emitter, matrices: readonly Matrix[]): string =>
  shared(emit.graph, JSON.stringify(matrices), () =>
    emit.graph.constant(Float32Array.from(matrices.flat(2)), [
      matrices.length,
      matrices[0]?.length ?? 0,
      matrices[0]?.[0]?.length ?? 0,
    ]),
  );

export const indexTable = (emit: Emitter, indices: readonly number[], dims: readonly number[]): string =>
  shared(emit.graph, `indices [${dims.join()}] ${indices.join()}`, () =>
    emit.graph.constant(Int32Array.from(indices), dims, 'int32'),
  );

export const filled = (emit: Emitter, dims: readonly number[], value: number): string =>
  shared(emit.graph, `${value} [${dims.join()}]`, () =>
    emit.graph.constant(new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value), dims),
  );

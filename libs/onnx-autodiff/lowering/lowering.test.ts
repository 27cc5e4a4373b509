import { describe, expect, it } from '@jest/globals';
import { Emitter } from '../emitter.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { lower } from './lowering.js';
import { onnxRuntimeLowerings } from './onnxRuntime.js';

const operationsOf = (graph: Graph): string[] => lower(graph, onnxRuntimeLowerings).nodes.map(({ op }) => op);

function pooled(window: { kernel_shape: number[]; strides: number[] }, size: number): Graph {
  const graph = new Graph();
  const x = graph.input('x', [1, 1, 6, 6]);
  const y = graph.add('MaxPool', [x], window, [1, 1, size, size]);
  graph.output(y, 'y');
  const adjoint = graph.constant(new Float32Array(size * size).fill(1), [1, 1, size, size]);
  graph.output(gradients(graph, new Map([[y, adjoint]]), [x]).get(x) ?? '', 'dx');
  return graph;
}

describe('lower', () => {
  it('computes what is used twice once, and nothing that is not used', () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    const x = graph.input('x', [2]);
    emit.exp(emit.neg(x)); // unused
    graph.output(emit.add(emit.mul(emit.sqrt(x), 2), emit.mul(emit.sqrt(x), 2)), 'y');
    expect(operationsOf(graph)).toEqual(['Sqrt', 'Mul', 'Add']);
  });

  it('keeps random numbers apart', () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    const noise = () => emit.apply('RandomUniform', [], { shape: [2] }, [2]);
    graph.output(emit.sub(noise(), noise()), 'y');
    expect(operationsOf(graph)).toEqual(['RandomUniform', 'RandomUniform', 'Sub']);
  });

  it('lets one MaxPool deliver both the maxima and, where windows overlap, their indices', () => {
    const overlapping = operationsOf(pooled({ kernel_shape: [3, 3], strides: [1, 1] }, 4));
    expect(overlapping.filter((op) => op === 'MaxPool')).toHaveLength(1);
    expect(overlapping).toContain('ScatterElements');
    const sideBySide = operationsOf(pooled({ kernel_shape: [2, 2], strides: [2, 2] }, 3));
    expect(sideBySide.filter((op) => op === 'MaxPool')).toHaveLength(1);
    expect(sideBySide).toContain('Resize');
  });

  it('keeps the names of inputs and outputs', () => {
    const lowered = lower(pooled({ kernel_shape: [2, 2], strides: [2, 2] }, 3), onnxRuntimeLowerings);
    expect(lowered.inputs).toEqual(['x']);
    expect(lowered.outputs).toEqual(['y', 'dx']);
  });
});

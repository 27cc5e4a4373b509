import { describe, expect, it } from '@jest/globals';
import { gradients } from './gradients.js';
import { Emitter } from './emitter.js';
import { Graph } from './graph.js';
import { operationOf, operations } from './ops/registry.js';
import { ortExecutor } from './ortExecutor.js';
import { allCases, GRADIENT_TOLERANCE } from './testing/allCases.js';
import { gradientError, rewritingError } from './testing/finiteDifferences.js';
import { floats, scalar } from './tensor.js';

const executor = ortExecutor({ threads: 1 });

describe.each(Object.entries(allCases))('gradient of %s', (_op, list) => {
  it.each(list.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    expect(await gradientError(each, executor)).toBeLessThan(GRADIENT_TOLERANCE);
    expect(await rewritingError(each, executor)).toBeLessThan(1e-5);
  });
});

describe('gradients', () => {
  it('has cases for every operation that has a gradient', () => {
    const differentiable = Object.keys(operations).filter((op) => {
      const operation = operationOf(op);
      return operation && !('gradient' in operation && typeof operation.gradient === 'string');
    });
    expect(Object.keys(allCases).sort()).toEqual(differentiable.sort());
  });

  it('adds up over several uses and stops at tensors declared constant', async () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    const x = graph.input('x', []);
    const square = emit.mul(x, x);
    const fixed = emit.add(square, 1);
    const y = emit.add(emit.mul(fixed, x), square); // (x² + 1) x + x²
    const seed = new Map([[y, graph.constant(1)]]);
    graph.output(gradients(graph, seed, [x]).get(x) ?? '', 'whole');
    graph.output(gradients(graph, seed, [x], { constants: [fixed] }).get(x) ?? '', 'stopped');
    const compiled = await executor.compile(graph);
    const { whole, stopped } = await compiled.run({ x: scalar(3) });
    expect(whole?.data[0]).toBeCloseTo(3 * 9 + 1 + 6);
    expect(stopped?.data[0]).toBeCloseTo(10 + 6);
    await compiled.release();
  });

  it('gives zeros where nothing depends on a tensor', async () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    const [x, other] = [graph.input('x', [2]), graph.input('other', [3])];
    const y = emit.mul(x, 2);
    graph.output(gradients(graph, new Map([[y, x]]), [other]).get(other) ?? '', 'gradient');
    const compiled = await executor.compile(graph);
    const { gradient } = await compiled.run({
      x: floats(Float32Array.of(1, 2), [2]),
      other: floats(new Float32Array(3), [3]),
    });
    expect(Array.from(gradient?.data as Float32Array)).toEqual([0, 0, 0]);
    await compiled.release();
  });
});

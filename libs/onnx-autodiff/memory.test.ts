import { describe, expect, it } from '@jest/globals';

import { Emitter } from './emitter.js';
import { Graph } from './graph.js';
import { peakBytes } from './memory.js';

describe('the peak of a graph', () => {
  it('has what is alive at one time, not what ever was', () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    let y = graph.input('x', [100]); // 400 bytes
    for (let i = 0; i < 5; i++) y = emit.exp(y);
    graph.output(y, 'y'); // 400, and two of the chain at a time
    expect(peakBytes(graph)).toBe(4 * 400);
  });

  it('keeps what a later node reads', () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    const x = graph.input('x', [100]);
    const parts = [emit.exp(x), emit.neg(x), emit.sqrt(x)];
    const sum = parts.reduce((a, b) => emit.add(a, b));
    graph.output(emit.sum(sum, [0], false), 'y');
    expect(peakBytes(graph)).toBe(5 * 400 + 4 + 8); // x, the three, the first sum of two; the result, and its axes
  });

  it('counts a tensor that only changes its shape once', () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    const flat = emit.reshape(emit.exp(graph.input('x', [10, 10])), [100]);
    graph.output(emit.sum(flat, [0], false), 'y');
    expect(peakBytes(graph)).toBe(2 * 400 + 4 + 2 * 8); // shape and axes, an int64 each
  });

  it('keeps a buffer for the next tensor of its shape, and for no other', () => {
    const graph = new Graph();
    const emit = new Emitter(graph);
    const chain = (x: string, times: number): string => (times === 0 ? x : chain(emit.exp(x), times - 1));
    const small = emit.sum(chain(graph.input('x', [100]), 2), [0]);
    const wide = emit.expand(small, [1000]);
    const again = emit.expand(emit.sum(chain(wide, 2), [0]), [100]);
    graph.output(emit.sum(chain(again, 2), [0], false), 'y');
    // Two of 400 bytes wait while the two of 4000 are in use, those of one number, and the shapes.
    expect(peakBytes(graph)).toBeGreaterThanOrEqual(400 + 2 * 400 + 2 * 4000);
    expect(peakBytes(graph)).toBeLessThan(400 + 2 * 400 + 2 * 4000 + 100);
  });
});

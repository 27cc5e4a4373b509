import type { Graph, GraphNode } from './graph.js';
import { lower } from './lowering/lowering.js';
import { onnxRuntimeLowerings } from './lowering/onnxRuntime.js';
import { elementCount, type ElementType } from './tensor.js';

const BYTES: Record<ElementType, number> = {
  ...{ bool: 1, uint8: 1, float16: 2, float32: 4, int32: 4, int64: 8, float64: 8 },
};
/** They give their input another shape, or another name, in place. */
const IN_PLACE = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity']);

/**
 * Bytes that a graph takes at most at one time in ONNX Runtime: inputs, constants and outputs from beginning to end, and the buffers of
 * its allocation planner. That gives a buffer to the next tensor of the very same shape, however much later, and keeps it until the
 * last of them has been read: several times what is alive at one time.
 */
export function peakBytes(graph: Graph): number {
  const lowered = lower(graph, onnxRuntimeLowerings);
  const size = (name: string) => elementCount(lowered.dims(name)) * BYTES[lowered.type(name)];
  const kept = new Set([...lowered.inputs, ...lowered.constants.keys(), ...lowered.outputs]);
  const always = [...kept].reduce((sum, name) => sum + size(name), 0);
  const shape = (name: string) => `${BYTES[lowered.type(name)]}[${lowered.dims(name).join()}]`;
  const buffers = planned(lowered.nodes, kept, size, shape);
  const changes = new Float64Array(lowered.nodes.length + 1);
  for (const { bytes, first, last } of buffers) {
    changes[first]! += bytes;
    changes[last + 1]! -= bytes;
  }
  let [now, peak] = [always, always];
  for (const change of changes) peak = Math.max(peak, (now += change));
  return peak;
}

interface Buffer {
  readonly bytes: number;
  readonly shape: string;
  /** Nodes. */
  readonly first: number;
  last: number;
  /** Inputs of later nodes that are in it. */
  unread: number;
}

function planned(
  nodes: readonly GraphNode[],
  kept: ReadonlySet<string>,
  bytesOf: (name: string) => number,
  shapeOf: (name: string) => string,
): Buffer[] {
  const reads = new Map<string, number>();
  for (const name of nodes.flatMap((node) => node.inputs)) reads.set(name, (reads.get(name) ?? 0) + 1);
  const all: Buffer[] = [];
  const free = new Map<string, Buffer[]>();
  const holding = new Map<string, Buffer>();
  const allocate = (name: string, at: number): Buffer => {
    const buffer = { bytes: bytesOf(name), shape: shapeOf(name), first: at, last: at, unread: 0 };
    all.push(buffer);
    return buffer;
  };
  nodes.forEach((node, at) => {
    for (const name of node.outputs) {
      if (name === '' || kept.has(name)) continue;
      const same = IN_PLACE.has(node.op) ? holding.get(node.inputs[0] ?? '') : undefined;
      const buffer = same ?? free.get(shapeOf(name))?.pop() ?? allocate(name, at);
      buffer.last = at;
      buffer.unread += reads.get(name) ?? 0;
      holding.set(name, buffer);
    }
    for (const buffer of node.inputs.map((name) => holding.get(name))) {
      if (!buffer) continue;
      buffer.last = at;
      buffer.unread--;
      if (buffer.unread === 0) free.set(buffer.shape, [...(free.get(buffer.shape) ?? []), buffer]);
    }
  });
  return all;
}

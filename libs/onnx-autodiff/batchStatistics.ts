import { Emitter, range } from './emitter.js';
import type { Graph, GraphNode } from './graph.js';
import { numberAttribute } from './ops/attributes.js';
import { copyNode, emptyCopy } from './rewriting.js';

/** A network as it trains. */
export interface TrainingForm {
  /** Its first output are the logits. */
  readonly network: Graph;
  /** For each running mean and variance, the output that is its next value. */
  readonly statistics: ReadonlyMap<string, string>;
}

/**
 * Batch normalisation by the mean and variance of the batch itself, and the running ones that follow from them (Ioffe and
 * Szegedy 2015; `training_mode` in ONNX: the variance is that of the batch, not an estimate for more rows).
 */
export function withBatchStatistics(source: Graph, running: { has(name: string): boolean }): TrainingForm {
  const network = emptyCopy(source);
  const emit = new Emitter(network);
  const next = new Map<string, string>();
  for (const node of source.nodes) {
    const [, , , mean = '', variance = ''] = node.inputs;
    if (node.op !== 'BatchNormalization' || !running.has(mean) || !running.has(variance)) {
      copyNode(source, network, node, node.inputs);
      continue;
    }
    const batch = normalizedByBatch(emit, node, source.value(node.outputs[0] ?? ''));
    const momentum = numberAttribute(node, 'momentum', 0.9);
    const follow = (before: string, seen: string) => emit.add(emit.mul(before, momentum), emit.mul(seen, 1 - momentum));
    next.set(mean, follow(mean, batch.mean));
    next.set(variance, follow(variance, batch.variance));
  }
  for (const name of source.outputs) network.output(name);
  return { network, statistics: new Map([...next].map(([name, value]) => [name, network.output(value)])) };
}

function normalizedByBatch(emit: Emitter, node: GraphNode, type: ReturnType<Graph['value']>) {
  const [x = '', scale = '', bias = ''] = node.inputs;
  const rank = emit.dims(x).length;
  const axes = [0, ...range(2, rank)];
  const column = (vector: string) =>
    emit.reshape(vector, [1, ...emit.dims(vector), ...Array<number>(rank - 2).fill(1)]);
  const mean = emit.mean(x, axes, false);
  const centred = emit.sub(x, column(mean));
  const variance = emit.mean(emit.mul(centred, centred), axes, false);
  const deviation = emit.sqrt(emit.add(variance, numberAttribute(node, 'epsilon', 1e-5)));
  const scaled = emit.mul(centred, column(emit.mul(scale, emit.reciprocal(deviation))));
  emit.graph.append({ op: 'Add', inputs: [scaled, column(bias)], outputs: node.outputs, attributes: {} }, [type]);
  return { mean, variance };
}

import { Emitter } from '../emitter.js';
import type { Graph, GraphNode } from '../graph.js';
import { numberAttribute } from '../ops/attributes.js';
import { copyNode, emptyCopy } from '../rewriting.js';

/** Rewrites that keep what a network computes and make it cheaper, whatever the layout. */
export const rewritten = (source: Graph): Graph => poolBeforeBias(foldNormalization(source));

/** Batch normalisation with fixed statistics after a convolution is a convolution with other weights. */
function foldNormalization(source: Graph): Graph {
  return rewrite(source, (conv, following) => {
    const [next, ...others] = following(conv);
    if (conv.op !== 'Conv' || next?.op !== 'BatchNormalization' || others.length > 0) return undefined;
    return {
      replaced: [next],
      write: (emit) => {
        const [x = '', w = '', b = ''] = conv.inputs;
        const [, scale = '', bias = '', mean = '', variance = ''] = next.inputs;
        const deviation = emit.sqrt(emit.add(variance, numberAttribute(next, 'epsilon', 1e-5)));
        const factor = emit.mul(scale, emit.reciprocal(deviation));
        const [outputs = 1, ...rest] = emit.dims(w);
        const weights = emit.mul(w, emit.reshape(factor, [outputs, ...rest.map(() => 1)]));
        const offset = b === '' ? emit.mul(mean, factor) : emit.mul(emit.sub(mean, b), factor);
        const node = { ...conv, inputs: [x, weights, emit.sub(bias, offset)], outputs: next.outputs };
        emit.graph.append(node, [source.value(next.outputs[0] ?? '')]);
      },
    };
  });
}

/** max(relu(y + b)) over a window is relu(max(y) + b): bias and ReLU on what is left after the pool. */
function poolBeforeBias(source: Graph): Graph {
  return rewrite(source, (conv, following) => {
    const [x = '', w = '', b = ''] = conv.inputs;
    const only = (node: GraphNode | undefined) =>
      node && following(node).length === 1 ? following(node)[0] : undefined;
    const relu = only(conv);
    const pool = relu?.op === 'Relu' ? only(relu) : undefined;
    if (conv.op !== 'Conv' || b === '' || !relu || pool?.op !== 'MaxPool' || pool.outputs.length > 1) return undefined;
    return {
      replaced: [relu, pool],
      write: (emit) => {
        const [output = ''] = pool.outputs;
        const dims = source.dims(output);
        const y = emit.apply('Conv', [x, w], conv.attributes, source.dims(conv.outputs[0] ?? ''));
        const pooled = emit.apply('MaxPool', [y], pool.attributes, dims);
        const column = emit.reshape(b, [emit.dims(b)[0] ?? 1, ...dims.slice(2).map(() => 1)]);
        const sum = emit.add(pooled, column);
        emit.graph.append({ op: 'Relu', inputs: [sum], outputs: [output], attributes: {} }, [source.value(output)]);
      },
    };
  });
}

interface Replacement {
  /** Nodes that `write` writes too, beside the one that matched. */
  readonly replaced: readonly GraphNode[];
  readonly write: (emit: Emitter) => void;
}

/** Copies a graph; where `match` finds a replacement for a node, that is written in its place. */
function rewrite(
  source: Graph,
  match: (node: GraphNode, following: (node: GraphNode) => GraphNode[]) => Replacement | undefined,
): Graph {
  const following = (node: GraphNode): GraphNode[] =>
    node.outputs.some((name) => source.outputs.includes(name))
      ? []
      : source.nodes.filter((other) => other.inputs.some((name) => node.outputs.includes(name)));
  const result = emptyCopy(source);
  const emit = new Emitter(result);
  const done = new Set<GraphNode>();
  for (const node of source.nodes) {
    if (done.has(node)) continue;
    const replacement = match(node, following);
    if (replacement) {
      replacement.replaced.forEach((other) => done.add(other));
      replacement.write(emit);
    } else copyNode(source, result, node, node.inputs);
  }
  for (const name of source.outputs) result.output(name);
  return result;
}

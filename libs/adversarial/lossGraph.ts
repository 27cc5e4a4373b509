import { Emitter, type Graph } from '#onnx-autodiff';

/** What an attack climbs: cross-entropy, or how far the best wrong class is ahead of the true one (Carlini and Wagner 2017). */
export type AttackLoss = 'ce' | 'margin';

/** Large enough that a class it is subtracted from is never the largest. */
const NEVER = 1e9;

/** The loss's gradient at the logits; each row's own loss, not their mean, so that the batch does not matter. */
export function logitGradient(graph: Graph, logits: string, labels: string, loss: AttackLoss): string {
  const emit = new Emitter(graph);
  if (loss === 'ce') return emit.sub(emit.unary('Softmax', logits, { axis: -1 }), labels);
  const others = emit.sub(logits, emit.mul(labels, NEVER));
  const runnerUp = emit.indicator(emit.compare('Equal', others, emit.maximum(others, [1])));
  return emit.sub(runnerUp, labels);
}

/** Mean cross-entropy of a batch, with its gradient at the logits. */
export function meanCrossEntropy(graph: Graph, logits: string, labels: string): { loss: string; gradient: string } {
  const emit = new Emitter(graph);
  const batch = graph.dims(logits)[0]!;
  const logProbabilities = emit.unary('LogSoftmax', logits, { axis: -1 });
  const perRow = emit.neg(emit.sum(emit.mul(logProbabilities, labels), [1], false));
  const gradient = emit.mul(emit.sub(emit.exp(logProbabilities), labels), 1 / batch);
  return { loss: emit.mean(perRow, [0], false), gradient };
}

/** Share of the rows whose largest logit is that of the label. */
export function batchAccuracy(graph: Graph, logits: string, labels: string): string {
  const emit = new Emitter(graph);
  const rows = [graph.dims(logits)[0]!];
  const argMax = (scores: string) => graph.add('ArgMax', [scores], { axis: 1, keepdims: 0 }, rows, 'int64');
  const right = graph.add('Equal', [argMax(logits), argMax(labels)], {}, rows, 'bool');
  return emit.mean(emit.indicator(right), [0], false);
}

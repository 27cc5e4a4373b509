import { Emitter, type Graph } from '#onnx-autodiff';

/**
 * What an attack climbs: cross-entropy; how far the best wrong class is ahead of the true one (Carlini and Wagner 2017); or
 * how far a chosen class is, over the spread of the logits (difference of logits ratio, Croce and Hein 2020, section 5): there
 * the target is marked with -1 in the labels, and there must be 3 classes.
 */
export type AttackLoss = 'ce' | 'margin' | 'dlr';

/** Large enough that a class it is subtracted from is never the largest. */
const NEVER = 1e9;
/** Logits that are all the same have no spread. */
const TINY_SPREAD = 1e-12;

/** The loss's gradient at the logits; each row's own loss, not their mean, so that the batch does not matter. */
export function logitGradient(graph: Graph, logits: string, labels: string, loss: AttackLoss): string {
  const emit = new Emitter(graph);
  if (loss === 'ce') return emit.sub(emit.unary('Softmax', logits, { axis: -1 }), labels);
  if (loss === 'dlr') return ratioGradient(emit, logits, labels);
  const others = emit.sub(logits, emit.mul(labels, NEVER));
  const runnerUp = emit.indicator(emit.compare('Equal', others, emit.maximum(others, [1])));
  return emit.sub(runnerUp, labels);
}

/** Of (target - true) / (first - (third + fourth) / 2), where the latter are the logits in falling order. */
function ratioGradient(emit: Emitter, logits: string, labels: string): string {
  const marks: string[] = [];
  let rest = logits;
  for (let rank = 0; rank < 4 && rank < emit.dims(logits)[1]!; rank++) {
    const mark = emit.indicator(emit.compare('Equal', rest, emit.maximum(rest, [1])));
    marks.push(mark);
    rest = emit.sub(rest, emit.mul(mark, NEVER));
  }
  const [first = '', , third = '', fourth = third] = marks;
  const spreadMarks = emit.sub(first, emit.mul(emit.add(third, fourth), 0.5));
  const spread = emit.max(emit.sum(emit.mul(logits, spreadMarks), [1]), TINY_SPREAD);
  const ratio = emit.div(emit.neg(emit.sum(emit.mul(logits, labels), [1])), spread);
  return emit.div(emit.neg(emit.add(labels, emit.mul(ratio, spreadMarks))), spread);
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

/** Labels of which a share is spread evenly over all classes (Szegedy et al. 2016). */
export function smoothed(graph: Graph, labels: string, share: number): string {
  const emit = new Emitter(graph);
  return emit.add(emit.mul(labels, 1 - share), share / graph.dims(labels)[1]!);
}

/** Share of the rows whose largest logit is that of the label. */
export function batchAccuracy(graph: Graph, logits: string, labels: string): string {
  const emit = new Emitter(graph);
  const rows = [graph.dims(logits)[0]!];
  const argMax = (scores: string) => graph.add('ArgMax', [scores], { axis: 1, keepdims: 0 }, rows, 'int64');
  const right = graph.add('Equal', [argMax(logits), argMax(labels)], {}, rows, 'bool');
  return emit.mean(emit.indicator(right), [0], false);
}

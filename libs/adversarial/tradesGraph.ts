import { Emitter, type Graph } from '#onnx-autodiff';

import { meanCrossEntropy } from './lossGraph.js';

/** Gradients at the two outputs of one network: on the rows as they are, and on the attacked ones. */
export interface TradesLoss {
  loss: string;
  cleanGradient: string;
  attackedGradient: string;
}

/**
 * Mean of cross-entropy(clean, label) + beta KL(clean || attacked) (Zhang et al. 2019, equation 5, with their KL as the surrogate).
 * With p and q the two softmaxes: the gradient of KL is q - p at the attacked logits, and p (log p - log q - KL) at the clean ones.
 */
export function tradesLoss(graph: Graph, clean: string, attacked: string, labels: string, beta: number): TradesLoss {
  const emit = new Emitter(graph);
  const batch = graph.dims(clean)[0]!;
  const natural = meanCrossEntropy(graph, clean, labels);
  const [logP, logQ] = [clean, attacked].map((logits) => emit.unary('LogSoftmax', logits, { axis: -1 })) as [
    string,
    string,
  ];
  const [p, q] = [emit.exp(logP), emit.exp(logQ)];
  const ratio = emit.sub(logP, logQ);
  const divergence = emit.sum(emit.mul(p, ratio), [1]);
  const perRow = emit.sum(emit.mul(p, ratio), [1], false);
  const weight = beta / batch;
  return {
    loss: emit.add(natural.loss, emit.mul(emit.mean(perRow, [0], false), beta)),
    cleanGradient: emit.add(natural.gradient, emit.mul(emit.mul(p, emit.sub(ratio, divergence)), weight)),
    attackedGradient: emit.mul(emit.sub(q, p), weight),
  };
}

/** The answer on the rows as they are, as soft labels: climbing the cross-entropy towards them climbs the divergence. */
export const softLabels = (graph: Graph, clean: string): string =>
  new Emitter(graph).unary('Softmax', clean, { axis: -1 });

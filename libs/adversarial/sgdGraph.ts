import { Emitter, type Graph } from '#onnx-autodiff';

const MOMENTUM = 0.9;

export interface SgdTensors {
  weight: string;
  /** Decaying sum of the gradients. */
  firstMoment: string;
}

/** Stochastic gradient descent with (heavy-ball) momentum. */
export function sgdUpdate(
  graph: Graph,
  { weight, firstMoment }: SgdTensors,
  gradient: string,
  learningRate: string,
): SgdTensors {
  const emit = new Emitter(graph);
  const next = emit.add(emit.mul(firstMoment, MOMENTUM), gradient);
  return { weight: emit.sub(weight, emit.mul(next, learningRate)), firstMoment: next };
}

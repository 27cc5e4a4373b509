import { Emitter, type Graph } from '#onnx-autodiff';

/** Kingma and Ba 2015, with their constants. */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Graph inputs (scalars) that an update reads. */
export interface AdamInputs {
  learningRate: string;
  /** 1 / (1 - beta^t) of either mean, see `biasCorrections`. */
  firstCorrection: string;
  secondCorrection: string;
}

export interface AdamTensors {
  weight: string;
  firstMoment: string;
  secondMoment: string;
}

export function adamUpdate(graph: Graph, tensors: AdamTensors, gradient: string, inputs: AdamInputs): AdamTensors {
  const emit = new Emitter(graph);
  const firstMoment = emit.add(emit.mul(tensors.firstMoment, BETA1), emit.mul(gradient, 1 - BETA1));
  const squares = emit.mul(gradient, gradient);
  const secondMoment = emit.add(emit.mul(tensors.secondMoment, BETA2), emit.mul(squares, 1 - BETA2));
  const step = emit.mul(firstMoment, emit.mul(inputs.learningRate, inputs.firstCorrection));
  const scale = emit.add(emit.sqrt(emit.mul(secondMoment, inputs.secondCorrection)), EPSILON);
  return { weight: emit.sub(tensors.weight, emit.div(step, scale)), firstMoment, secondMoment };
}

/** Both means start at 0; this makes up for it in optimizer step `t`, counted from 1. */
export function biasCorrections(t: number): { first: number; second: number } {
  return { first: 1 / (1 - BETA1 ** t), second: 1 / (1 - BETA2 ** t) };
}

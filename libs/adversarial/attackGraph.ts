import {
  bakeWeights,
  type Classifier,
  type CompiledGraph,
  elementCount,
  type Executor,
  floats,
  gradients,
  Graph,
  loadClassifier,
  type LoweringChoice,
  type OnnxModel,
  scalar,
  type Tensor,
  weightInputs,
} from '#onnx-autodiff';

import { ball, type Ball } from './ballGraph.js';
import { requireThat } from './errors.js';
import { type AttackLoss, logitGradient } from './lossGraph.js';
import type { Norm, ThreatModel } from './threatModel.js';

/** What rows a compiled attack takes. */
export interface AttackShape {
  readonly norm: Norm;
  readonly batch: number;
  readonly features: number;
  readonly classes: number;
}

/** One step of an attack at a fixed batch size. */
export interface CompiledAttack extends AttackShape {
  readonly loss: AttackLoss;
  step(batch: AttackBatch, threat: ThreatModel, stepSize: number): Promise<AttackStep>;
  release(): Promise<void>;
}

export interface AttackBatch {
  /** Where the attack is now. */
  x: Float32Array;
  /** The unchanged inputs. */
  origin: Float32Array;
  /** One-hot, batch x classes. */
  labels: Float32Array;
}

export interface AttackStep {
  /** Where the attack goes next. */
  next: Float32Array;
  /** The model's output at `x`, where the attack was. */
  logits: Float32Array;
}

export interface AttackOptions {
  executor: Executor;
  norm: Norm;
  batch: number;
  loss?: AttackLoss;
}

/** The attack on a model as it is: weights are constants, which runs faster than weights as inputs. */
export async function compileAttack(model: OnnxModel, options: AttackOptions): Promise<CompiledAttack> {
  requireThat(Number.isInteger(options.batch) && options.batch >= 1, 'batch', 'must be a whole number from 1 up');
  return compileAttackOn(await loadClassifier(model, { ...options, lowering: attackLowering(model) }), options);
}

/** With constant weights ONNX Runtime's own convolutions are as fast for few channels and small kernels. */
const MANY_CHANNELS = 128;
const SMALL_KERNEL = 9;

export function attackLowering({ parameters }: OnnxModel): LoweringChoice['kind'] {
  const faster = parameters.some(({ dims: [outputs = 0, channels = 0, ...kernel] }) => {
    if (kernel.length !== 2) return false;
    const taps = elementCount(kernel);
    return taps > SMALL_KERNEL || (taps > 1 && Math.min(outputs, channels) >= MANY_CHANNELS);
  });
  return faster ? 'fast' : 'plain';
}

/** The same on a model in training: `weights` gives the tensors of the moment. */
export async function compileAttackOn(
  classifier: Classifier,
  { executor, norm, loss = 'ce' }: AttackOptions,
  weights?: () => Record<string, Tensor>,
): Promise<CompiledAttack> {
  const { batch, classes, inputDims } = classifier;
  const graph = new Graph();
  const parameters = weights ? weightInputs(graph, classifier) : bakeWeights(graph, classifier);
  const x = graph.input('@x', inputDims);
  const labels = graph.input('@labels', [batch, classes]);
  const number = (name: string) => graph.input(name, []);
  const bounds = { epsilon: number('@epsilon'), low: number('@low'), high: number('@high') };
  const moves = ball(graph, norm, { origin: graph.input('@origin', inputDims), ...bounds });
  const stepSize = number('@stepSize');
  const at = { x, labels, moves, stepSize, loss, prefix: '' };
  const { next, logits } = attackStep(graph, classifier, parameters, at);
  graph.output(next, '@next');
  graph.output(logits, '@logits');
  const compiled: CompiledGraph = await executor.compile(graph);

  return {
    norm,
    loss,
    batch,
    classes,
    features: elementCount(inputDims) / batch,
    async step({ x, origin, labels }, { epsilon, range: [low, high] }, stepSize) {
      const outputs = await compiled.run({
        ...weights?.(),
        '@x': floats(x, inputDims),
        '@origin': floats(origin, inputDims),
        '@labels': floats(labels, [batch, classes]),
        '@epsilon': scalar(epsilon),
        '@stepSize': scalar(stepSize),
        '@low': scalar(low),
        '@high': scalar(high),
      });
      return { next: outputs['@next']!.data as Float32Array, logits: outputs['@logits']!.data as Float32Array };
    },
    release: () => compiled.release(),
  };
}

interface LookInputs {
  x: string;
  labels: string;
  loss: AttackLoss;
  prefix: string;
}

interface AttackStepInputs extends LookInputs {
  moves: Ball;
  /** A scalar. */
  stepSize: string;
}

/** Nodes of one attack step on tensor `x`: forward pass, gradient at `x`, move. */
export function attackStep(
  graph: Graph,
  classifier: Classifier,
  weights: ReadonlyMap<string, string>,
  { moves, stepSize, ...at }: AttackStepInputs,
): { next: string; logits: string } {
  const { gradient, logits } = look(graph, classifier, weights, at);
  return { next: moves.step(at.x, gradient, stepSize), logits };
}

/** Nodes of a look at tensor `x`: the logits there, and the loss's gradient. */
export function look(
  graph: Graph,
  classifier: Classifier,
  weights: ReadonlyMap<string, string>,
  { x, labels, loss, prefix }: LookInputs,
): { gradient: string; logits: string } {
  const logits = classifier.instantiate(graph, x, weights, prefix);
  const seeds = new Map([[logits, logitGradient(graph, logits, labels, loss)]]);
  return { gradient: gradients(graph, seeds, [x]).get(x)!, logits };
}

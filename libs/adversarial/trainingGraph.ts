import {
  type Classifier,
  type Executor,
  floats,
  gradients,
  Graph,
  scalar,
  type Tensor,
  weightInputs,
} from '#onnx-autodiff';

import { type AdamInputs, adamUpdate, biasCorrections } from './adamGraph.js';
import { attackStep } from './attackGraph.js';
import { ball } from './ballGraph.js';
import { batchAccuracy, meanCrossEntropy } from './lossGraph.js';
import type { ThreatModel } from './threatModel.js';
import { attackStepSize } from './recipe.js';

/** One optimizer step on one batch, the attack on that batch included, as a single graph: two sessions would fight over the cores. */
export interface CompiledTraining {
  step(batch: TrainingBatch, state: OptimizerState): Promise<TrainingStep>;
  release(): Promise<void>;
}

export interface TrainingBatch {
  x: Float32Array;
  /** One-hot. */
  labels: Float32Array;
  /** Random starts in the unit ball; not read where the recipe has no attack. */
  noise: Float32Array;
  epsilon: number;
  learningRate: number;
}

/** All tensors by parameter name. */
export interface OptimizerState {
  /** Steps done so far. */
  step: number;
  weights: ReadonlyMap<string, Float32Array>;
  firstMoments: ReadonlyMap<string, Float32Array>;
  secondMoments: ReadonlyMap<string, Float32Array>;
}

export interface TrainingStep {
  /** Mean cross-entropy on the attacked batch, and the share of its rows that were right, before the update. */
  loss: number;
  accuracy: number;
  state: OptimizerState;
}

export interface TrainingGraphOptions {
  executor: Executor;
  /** 0 trains on the inputs as they are. */
  attackSteps: number;
  norm: ThreatModel['norm'];
  range: ThreatModel['range'];
}

const FIRST = '@first:';
const SECOND = '@second:';
const NEXT = '@next:';

export async function compileTraining(
  classifier: Classifier,
  options: TrainingGraphOptions,
): Promise<CompiledTraining> {
  const { executor, attackSteps } = options;
  const { batch, classes, inputDims, parameters } = classifier;
  const graph = new Graph();
  const weights = weightInputs(graph, classifier);
  const x = graph.input('@x', inputDims);
  const labels = graph.input('@labels', [batch, classes]);
  const attacked = attackSteps > 0 ? attackNodes(graph, classifier, weights, { x, labels }, options) : x;

  const logits = classifier.instantiate(graph, attacked, weights, 'train/');
  const { loss, gradient } = meanCrossEntropy(graph, logits, labels);
  graph.output(loss, '@loss');
  graph.output(batchAccuracy(graph, logits, labels), '@accuracy');
  const names = [...parameters.keys()];
  const tensors = names.map((name) => weights.get(name)!);
  const slopes = gradients(graph, new Map([[logits, gradient]]), tensors, { constants: [attacked] });
  adamNodes(graph, classifier, weights, slopes);

  const compiled = await executor.compile(graph);
  const tensor = (name: string, data: Float32Array) => floats(data, parameters.get(name)!.dims);
  const statistics = Object.fromEntries([...classifier.statistics].map(([name, value]) => [weights.get(name)!, value]));

  return {
    async step({ x, labels, noise, epsilon, learningRate }, state) {
      const t = state.step + 1;
      const corrections = biasCorrections(t);
      const feeds: Record<string, Tensor> = {
        ...statistics,
        '@x': floats(x, inputDims),
        '@labels': floats(labels, [batch, classes]),
        '@learningRate': scalar(learningRate),
        '@firstCorrection': scalar(corrections.first),
        '@secondCorrection': scalar(corrections.second),
      };
      if (attackSteps > 0) {
        feeds['@noise'] = floats(noise, inputDims);
        feeds['@epsilon'] = scalar(epsilon);
        feeds['@stepSize'] = scalar(attackStepSize(attackSteps, epsilon));
      }
      for (const name of names) {
        feeds[weights.get(name)!] = tensor(name, state.weights.get(name)!);
        feeds[FIRST + name] = tensor(name, state.firstMoments.get(name)!);
        feeds[SECOND + name] = tensor(name, state.secondMoments.get(name)!);
      }
      const outputs = await compiled.run(feeds);
      const read = (name: string) => outputs[name]!.data as Float32Array;
      const collect = (prefix: string) => new Map(names.map((name) => [name, read(prefix + name)]));
      return {
        loss: read('@loss')[0]!,
        accuracy: read('@accuracy')[0]!,
        state: {
          step: t,
          weights: collect(NEXT),
          firstMoments: collect(NEXT + FIRST),
          secondMoments: collect(NEXT + SECOND),
        },
      };
    },
    release: () => compiled.release(),
  };
}

/** The inner maximisation: a random start and k unrolled steps, without a gradient to the weights. */
function attackNodes(
  graph: Graph,
  classifier: Classifier,
  weights: ReadonlyMap<string, string>,
  { x, labels }: { x: string; labels: string },
  { attackSteps, norm, range }: TrainingGraphOptions,
): string {
  const { inputDims } = classifier;
  const epsilon = graph.input('@epsilon', []);
  const stepSize = graph.input('@stepSize', []);
  const [low, high] = range.map((bound) => graph.constant(bound)) as [string, string];
  const moves = ball(graph, norm, { origin: x, epsilon, stepSize, low, high });
  const noise = graph.add('Mul', [graph.input('@noise', inputDims), epsilon], {}, inputDims);
  let attacked = moves.project(graph.add('Add', [x, noise], {}, inputDims));
  for (let step = 0; step < attackSteps; step++) {
    const at = { x: attacked, labels, moves, loss: 'ce', prefix: `attack${step}/` } as const;
    attacked = attackStep(graph, classifier, weights, at).next;
  }
  return attacked;
}

function adamNodes(
  graph: Graph,
  classifier: Classifier,
  weights: ReadonlyMap<string, string>,
  slopes: ReadonlyMap<string, string>,
): void {
  const inputs: AdamInputs = {
    learningRate: graph.input('@learningRate', []),
    firstCorrection: graph.input('@firstCorrection', []),
    secondCorrection: graph.input('@secondCorrection', []),
  };
  for (const [name, { dims }] of classifier.parameters) {
    const weight = weights.get(name)!;
    const tensors = {
      weight,
      firstMoment: graph.input(FIRST + name, dims),
      secondMoment: graph.input(SECOND + name, dims),
    };
    const next = adamUpdate(graph, tensors, slopes.get(weight)!, inputs);
    graph.output(next.weight, NEXT + name);
    graph.output(next.firstMoment, NEXT + FIRST + name);
    graph.output(next.secondMoment, NEXT + SECOND + name);
  }
}

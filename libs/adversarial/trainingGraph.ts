import {
  type Classifier,
  type Executor,
  floats,
  gradients,
  Graph,
  type LoweringChoice,
  scalar,
  type Tensor,
  weightInputs,
} from '#onnx-autodiff';

import { biasCorrections } from './adamGraph.js';
import { attackStep } from './attackGraph.js';
import { ball } from './ballGraph.js';
import { batchAccuracy, meanCrossEntropy, smoothed } from './lossGraph.js';
import { FIRST, NEXT, optimizerNodes, SECOND } from './optimizerGraph.js';
import type { ThreatModel } from './threatModel.js';
import { attackStepSize, type Recipe } from './recipe.js';
import { softLabels, tradesLoss } from './tradesGraph.js';

/** One optimizer step on one batch, the attack on that batch included, as a single graph: two sessions would fight over the cores. */
export interface CompiledTraining {
  step(batch: TrainingBatch, state: OptimizerState): Promise<TrainingStep>;
  readonly lowering: LoweringChoice;
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

/** All tensors by parameter name; `weights` has the running statistics too, once steps have changed them. */
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

export type StepRecipe = Pick<Recipe, 'attackSteps'> & Partial<Recipe>;

export interface TrainingGraphOptions {
  executor: Executor;
  /** What of it shapes a single step; `attackSteps` 0 trains on the inputs as they are. */
  recipe: StepRecipe;
  norm: ThreatModel['norm'];
  range: ThreatModel['range'];
}

/** Of TRADES, as in the paper on digits. Its 6 for photographs at a 40th of the radius costs digits 3 points of either accuracy. */
const BETA = 1;

export async function compileTraining(
  classifier: Classifier,
  options: TrainingGraphOptions,
): Promise<CompiledTraining> {
  const { executor, recipe } = options;
  const { attackSteps, optimizer = 'adam', weightDecay = 0, clipNorm, labelSmoothing = 0, batchStatistics } = recipe;
  const { batch, classes, inputDims, parameters } = classifier;
  const graph = new Graph();
  const weights = weightInputs(graph, classifier);
  const x = graph.input('@x', inputDims);
  const labels = graph.input('@labels', [batch, classes]);
  const goal = labelSmoothing > 0 ? smoothed(graph, labels, labelSmoothing) : labels;
  const training = batchStatistics && classifier.statistics.size > 0 ? await classifier.forTraining() : undefined;
  let statistics: ReadonlyMap<string, string> = new Map();
  const forward = (input: string, prefix: string) => {
    if (!training) return classifier.instantiate(graph, input, weights, prefix);
    const pass = training.instantiate(graph, input, weights, prefix);
    ({ statistics } = pass); // of the last pass: that on the attacked rows
    return pass.logits;
  };
  const { loss, judged, adjoints, constants } = lossNodes(
    graph,
    classifier,
    weights,
    { x, labels, goal, forward },
    options,
  );
  graph.output(loss, '@loss');
  graph.output(batchAccuracy(graph, judged, labels), '@accuracy');
  const names = [...parameters.keys()];
  const tensors = names.map((name) => weights.get(name)!);
  const slopes = gradients(graph, adjoints, tensors, { constants });
  optimizerNodes(graph, classifier, weights, slopes, { optimizer, weightDecay, clipNorm });
  for (const [name, next] of statistics) graph.output(next, NEXT + name);

  const compiled = await executor.compile(graph);
  const tensor = (name: string, data: Float32Array) => floats(data, parameters.get(name)!.dims);

  return {
    lowering: training?.lowering ?? classifier.lowering,
    async step({ x, labels, noise, epsilon, learningRate }, state) {
      const t = state.step + 1;
      const corrections = biasCorrections(t);
      const feeds: Record<string, Tensor> = {
        '@x': floats(x, inputDims),
        '@labels': floats(labels, [batch, classes]),
        '@learningRate': scalar(learningRate),
      };
      if (optimizer === 'adam') {
        feeds['@firstCorrection'] = scalar(corrections.first);
        feeds['@secondCorrection'] = scalar(corrections.second);
      }
      if (attackSteps > 0) {
        feeds['@noise'] = floats(noise, inputDims);
        feeds['@epsilon'] = scalar(epsilon);
        feeds['@stepSize'] = scalar(attackStepSize(attackSteps, epsilon));
      }
      for (const [name, original] of classifier.statistics) {
        const reached = state.weights.get(name);
        feeds[weights.get(name)!] = reached ? floats(reached, original.dims) : original;
      }
      for (const name of names) {
        feeds[weights.get(name)!] = tensor(name, state.weights.get(name)!);
        feeds[FIRST + name] = tensor(name, state.firstMoments.get(name)!);
        if (optimizer === 'adam') feeds[SECOND + name] = tensor(name, state.secondMoments.get(name)!);
      }
      const outputs = await compiled.run(feeds);
      const read = (name: string) => outputs[name]!.data as Float32Array;
      const collect = (prefix: string, also: Iterable<string> = []) =>
        new Map([...names, ...also].map((name) => [name, read(prefix + name)]));
      return {
        loss: read('@loss')[0]!,
        accuracy: read('@accuracy')[0]!,
        state: {
          step: t,
          weights: collect(NEXT, statistics.keys()),
          firstMoments: collect(NEXT + FIRST),
          secondMoments: optimizer === 'adam' ? collect(NEXT + SECOND) : state.secondMoments,
        },
      };
    },
    release: () => compiled.release(),
  };
}

interface LossInputs {
  x: string;
  /** One-hot, and what the loss wants instead. */
  labels: string;
  goal: string;
  forward: (input: string, prefix: string) => string;
}

/** The loss with its gradients at the logits, the logits whose accuracy is told, and what no gradient goes through. */
function lossNodes(
  graph: Graph,
  classifier: Classifier,
  weights: ReadonlyMap<string, string>,
  { x, labels, goal, forward }: LossInputs,
  options: TrainingGraphOptions,
) {
  const { name, attackSteps, beta = BETA } = options.recipe;
  if (name === 'trades' && attackSteps > 0) {
    const clean = forward(x, 'clean/');
    const attacked = attackNodes(graph, classifier, weights, { x, labels: softLabels(graph, clean) }, options);
    const judged = forward(attacked, 'train/');
    const { loss, cleanGradient, attackedGradient } = tradesLoss(graph, clean, judged, goal, beta);
    const adjoints = new Map([
      [clean, cleanGradient],
      [judged, attackedGradient],
    ]);
    return { loss, judged, adjoints, constants: [attacked] };
  }
  const attacked = attackSteps > 0 ? attackNodes(graph, classifier, weights, { x, labels }, options) : x;
  const judged = forward(attacked, 'train/');
  const { loss, gradient } = meanCrossEntropy(graph, judged, goal);
  return { loss, judged, adjoints: new Map([[judged, gradient]]), constants: [attacked] };
}

/** The inner maximisation: a random start and k unrolled steps, without a gradient to the weights. */
function attackNodes(
  graph: Graph,
  classifier: Classifier,
  weights: ReadonlyMap<string, string>,
  { x, labels }: { x: string; labels: string },
  { recipe: { attackSteps }, norm, range }: TrainingGraphOptions,
): string {
  const { inputDims } = classifier;
  const epsilon = graph.input('@epsilon', []);
  const stepSize = graph.input('@stepSize', []);
  const [low, high] = range.map((bound) => graph.constant(bound)) as [string, string];
  const moves = ball(graph, norm, { origin: x, epsilon, low, high });
  const noise = graph.add('Mul', [graph.input('@noise', inputDims), epsilon], {}, inputDims);
  let attacked = moves.project(graph.add('Add', [x, noise], {}, inputDims));
  for (let step = 0; step < attackSteps; step++) {
    const at = { x: attacked, labels, moves, stepSize, loss: 'ce', prefix: `attack${step}/` } as const;
    attacked = attackStep(graph, classifier, weights, at).next;
  }
  return attacked;
}

import {
  bakeWeights,
  elementCount,
  Emitter,
  floats,
  Graph,
  loadClassifier,
  type OnnxModel,
  scalar,
} from '#onnx-autodiff';

import { attackLowering, type AttackOptions, type AttackShape, look } from './attackGraph.js';
import { ball } from './ballGraph.js';
import type { AttackLoss } from './lossGraph.js';
import type { ThreatModel } from './threatModel.js';

/** One step of Auto-PGD at a fixed batch size: a move, and a look at where it ends. */
export interface CompiledApgd extends AttackShape {
  readonly loss: AttackLoss;
  step(from: ApgdPoints, threat: ThreatModel): Promise<ApgdLook>;
  release(): Promise<void>;
}

export interface ApgdPoints {
  x: Float32Array;
  /** Where the attack was a step before. */
  previous: Float32Array;
  /** Of steepest ascent at `x`, of length 1 in the attack's norm. */
  direction: Float32Array;
  /** The unchanged inputs. */
  origin: Float32Array;
  /** One-hot, batch x classes; -1 marks a target. */
  labels: Float32Array;
  /** One for each row. */
  stepSizes: Float32Array;
  /** Share of the move that is the step; the rest goes on as the last move went. */
  alpha: number;
}

export interface ApgdLook {
  /** Where the move ended, with the direction of steepest ascent and the logits there. */
  x: Float32Array;
  direction: Float32Array;
  logits: Float32Array;
}

/** All of it in one graph (Croce and Hein 2020, equations 1 and 2): on a small network, moves take as long as gradients. */
export async function compileApgd(
  model: OnnxModel,
  options: AttackOptions & { loss: AttackLoss },
): Promise<CompiledApgd> {
  const { executor, norm, loss } = options;
  const classifier = await loadClassifier(model, { ...options, lowering: attackLowering(model) });
  const { batch, classes, inputDims } = classifier;
  const perRow = [batch, ...inputDims.slice(1).map(() => 1)];
  const graph = new Graph();
  const emit = new Emitter(graph);
  const point = (name: string) => graph.input(name, inputDims);
  const [x, previous, direction] = [point('@x'), point('@previous'), point('@direction')];
  const labels = graph.input('@labels', [batch, classes]);
  const stepSizes = graph.input('@stepSizes', perRow);
  const number = (name: string) => graph.input(name, []);
  const alpha = number('@alpha');
  const bounds = { epsilon: number('@epsilon'), low: number('@low'), high: number('@high') };
  const moves = ball(graph, norm, { origin: point('@origin'), ...bounds });

  const ascended = moves.project(emit.add(x, emit.mul(direction, stepSizes)));
  const momentum = emit.mul(emit.sub(x, previous), emit.sub(1, alpha));
  const moved = moves.project(emit.add(emit.add(x, emit.mul(emit.sub(ascended, x), alpha)), momentum));
  const at = { x: moved, labels, loss, prefix: '' };
  const { gradient, logits } = look(graph, classifier, bakeWeights(graph, classifier), at);
  graph.output(moved, '@moved');
  graph.output(moves.direction(gradient), '@ahead');
  graph.output(logits, '@logits');
  const compiled = await executor.compile(graph);

  return {
    ...{ norm, loss, batch, classes, features: elementCount(inputDims) / batch },
    async step(from, { epsilon, range: [low, high] }) {
      const outputs = await compiled.run({
        '@x': floats(from.x, inputDims),
        '@previous': floats(from.previous, inputDims),
        '@direction': floats(from.direction, inputDims),
        '@origin': floats(from.origin, inputDims),
        '@labels': floats(from.labels, [batch, classes]),
        '@stepSizes': floats(from.stepSizes, perRow),
        '@alpha': scalar(from.alpha),
        '@epsilon': scalar(epsilon),
        '@low': scalar(low),
        '@high': scalar(high),
      });
      const read = (name: string) => outputs[name]!.data as Float32Array;
      return { x: read('@moved'), direction: read('@ahead'), logits: read('@logits') };
    },
    release: () => compiled.release(),
  };
}

import { Emitter, type Graph } from '#onnx-autodiff';

import type { Norm } from './threatModel.js';

/** Names of the tensors that say where an attack may go. All but `origin`, [batch, ...], are scalars. */
export interface BallInputs {
  origin: string;
  epsilon: string;
  low: string;
  high: string;
}

/** The moves of an attack, as nodes. */
export interface Ball {
  /** One ascent step along the gradient, of a size that is a scalar, back into the ball and the valid range. */
  step(x: string, gradient: string, stepSize: string): string;
  /** Of steepest ascent, of length 1 in the norm. */
  direction(gradient: string): string;
  /** The nearest point (for linf), or the point on the way to the origin (for l2), that is allowed. */
  project(x: string): string;
}

export function ball(graph: Graph, norm: Norm, inputs: BallInputs): Ball {
  const emit = new Emitter(graph);
  return norm === 'linf' ? linfBall(emit, inputs) : l2Ball(emit, inputs);
}

/** Times this, every gradient that is not 0 is beyond any step size: Clip then gives stepSize * sign, faster than Sign does. */
const HUGE = 1e38;

function linfBall(emit: Emitter, { origin, epsilon, low, high }: BallInputs): Ball {
  const lower = emit.max(emit.sub(origin, epsilon), low);
  const upper = emit.min(emit.add(origin, epsilon), high);
  const project = (x: string) => emit.min(emit.max(x, lower), upper);
  const signed = (gradient: string, size: string) => emit.clip(emit.mul(gradient, HUGE), emit.neg(size), size);
  return {
    step: (x, gradient, stepSize) => project(emit.add(x, signed(gradient, stepSize))),
    direction: (gradient) => signed(gradient, emit.name(1)),
    project,
  };
}

/** Stands in for a length of 0, where there is no direction. */
const TINY = 1e-30;

function l2Ball(emit: Emitter, { origin, epsilon, low, high }: BallInputs): Ball {
  const axes = emit
    .dims(origin)
    .slice(1)
    .map((_, i) => i + 1);
  const length = (x: string) => emit.max(emit.sqrt(emit.sum(emit.mul(x, x), axes)), TINY);
  const project = (x: string) => {
    const offset = emit.sub(x, origin);
    const shrink = emit.min(emit.div(epsilon, length(offset)), 1);
    // Cutting to the valid range last only brings the point nearer to the origin, which lies inside it.
    return emit.min(emit.max(emit.add(origin, emit.mul(offset, shrink)), low), high);
  };
  const direction = (gradient: string) => {
    const largest = emit.max(emit.maximum(emit.unary('Abs', gradient), axes), TINY);
    const scaled = emit.div(gradient, largest); // or squares of small gradients would vanish
    return emit.div(scaled, length(scaled));
  };
  return {
    step: (x, gradient, stepSize) => project(emit.add(x, emit.mul(direction(gradient), stepSize))),
    direction,
    project,
  };
}

import type { Emitter } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { numberAttribute, stringAttribute } from './attributes.js';
import {
  attributeToInput,
  type Backward,
  type GradientRule,
  type Importing,
  type Operation,
  writeNodes,
} from './definition.js';

/** The rule of y = f(x): the adjoint of x from x, y and the adjoint g of y. */
type UnaryRule = (emit: Emitter, x: string, y: string, g: string, backward: Backward) => string;
const unary = (rule: UnaryRule): { gradient: GradientRule } => ({
  gradient: (backward) => [rule(backward.emit, backward.input(0), backward.y, backward.g, backward)],
});

/** max(0, min(1, HUGE * y)) is 1 where y > 0: the mask in one pass, at less cost than Sign, Greater or Where on the CPU. */
const HUGE = 1e38;

const sumGradient: GradientRule = ({ emit, node, g, needs }) =>
  node.inputs.map((name, i) => needs(i) && emit.unbroadcast(g, emit.dims(name)));

/** All inputs that are equal to the extreme value get the gradient, as if the others were smaller by nothing. */
const extremeGradient: GradientRule = ({ emit, node, g, needs, y }) => {
  const indicators = node.inputs.map((name) => emit.indicator(emit.compare('Equal', name, y)));
  const share = emit.div(
    g,
    indicators.reduce((a, b) => emit.add(a, b)),
  );
  return node.inputs.map(
    (name, i) => needs(i) && emit.unbroadcast(emit.mul(share, indicators[i] ?? ''), emit.dims(name)),
  );
};

const powGradient: GradientRule = (backward) => {
  const { emit, g, needs } = backward;
  if (needs(1)) throw backward.unsupported('an exponent that is not constant');
  const base = backward.input(0);
  const exponent = emit.toFloat(backward.input(1));
  const slope = emit.mul(exponent, emit.pow(base, emit.sub(exponent, 1)));
  return [emit.unbroadcast(emit.mul(g, slope), backward.dims(0))];
};

/** The gradient passes where low <= x <= high. */
const clipGradient: GradientRule = (backward) => {
  const { emit, g } = backward;
  const x = backward.input(0);
  const inside: string[] = [];
  if (backward.has(1)) inside.push(emit.compare('GreaterOrEqual', x, backward.input(1)));
  if (backward.has(2)) inside.push(emit.compare('LessOrEqual', x, backward.input(2)));
  const [first, second] = inside;
  if (first === undefined) return [g];
  return [emit.where(second === undefined ? first : emit.and(first, second), g, 0)];
};

/** Slope 1 for x >= 0, `below` for x < 0. */
const kinked = (emit: Emitter, x: string, above: string, below: string): string =>
  emit.where(emit.compare('Less', x, 0), below, above);

/** Written with Erf, or with Tanh in the approximate form, since opset 17 has no Gelu. */
function rewriteGelu(node: GraphNode, file: Importing): readonly GraphNode[] {
  const [x = ''] = node.inputs;
  const { nodes, apply, output } = writeNodes(node, file);
  const times = (a: string, factor: number) => apply('Mul', [a, file.scalar(factor)]);
  const approximate = stringAttribute(node, 'approximate', 'none') === 'tanh';
  const cubic = () => apply('Add', [x, times(apply('Mul', [x, apply('Mul', [x, x])]), 0.044715)]);
  const curve = approximate
    ? apply('Tanh', [times(cubic(), Math.sqrt(2 / Math.PI))])
    : apply('Erf', [times(x, Math.SQRT1_2)]);
  apply('Mul', [times(x, 0.5), apply('Add', [curve, file.scalar(1)])], {}, output);
  return nodes;
}

/** x tanh(softplus(x)), an operation since opset 18. */
function rewriteMish(node: GraphNode, file: Importing): readonly GraphNode[] {
  const [x = ''] = node.inputs;
  const { nodes, apply, output } = writeNodes(node, file);
  apply('Mul', [x, apply('Tanh', [apply('Softplus', [x])])], {}, output);
  return nodes;
}

function rewriteMean(node: GraphNode, file: Importing): readonly GraphNode[] {
  const { nodes, apply, output } = writeNodes(node, file);
  apply('Mul', [apply('Sum', node.inputs), file.scalar(1 / node.inputs.length)], {}, output);
  return nodes;
}

const jump = { gradient: 'none' } as const;

export const elementwise = {
  Add: { gradient: sumGradient },
  Sum: { gradient: sumGradient },
  Mean: { rewrite: rewriteMean },
  Sub: {
    gradient: ({ emit, node, g, needs }) => [
      needs(0) && emit.unbroadcast(g, emit.dims(node.inputs[0] ?? '')),
      needs(1) && emit.neg(emit.unbroadcast(g, emit.dims(node.inputs[1] ?? ''))),
    ],
  },
  Mul: {
    gradient: ({ emit, node, g, needs }) => {
      const [a, b] = [node.inputs[0] ?? '', node.inputs[1] ?? ''];
      return [
        needs(0) && emit.unbroadcast(emit.mul(g, b), emit.dims(a)),
        needs(1) && emit.unbroadcast(emit.mul(g, a), emit.dims(b)),
      ];
    },
  },
  Div: {
    gradient: ({ emit, node, g, y, needs }) => {
      const [a, b] = [node.inputs[0] ?? '', node.inputs[1] ?? ''];
      const quotient = emit.div(g, b);
      return [
        needs(0) && emit.unbroadcast(quotient, emit.dims(a)),
        needs(1) && emit.neg(emit.unbroadcast(emit.mul(quotient, y), emit.dims(b))),
      ];
    },
  },
  Pow: { gradient: powGradient, settings: [1] },
  Max: { gradient: extremeGradient },
  Min: { gradient: extremeGradient },
  Where: {
    gradient: ({ emit, node, g, needs }) => {
      const [condition, yes, no] = [node.inputs[0] ?? '', node.inputs[1] ?? '', node.inputs[2] ?? ''];
      return [
        undefined,
        needs(1) && emit.unbroadcast(emit.where(condition, g, 0), emit.dims(yes)),
        needs(2) && emit.unbroadcast(emit.where(condition, 0, g), emit.dims(no)),
      ];
    },
  },
  Clip: {
    normalize: (node, file) => [attributeToInput(attributeToInput(node, 'min', 1, file), 'max', 2, file)],
    gradient: clipGradient,
    settings: [1, 2],
  },
  PRelu: {
    gradient: ({ emit, node, g, needs }) => {
      const [x, slope] = [node.inputs[0] ?? '', node.inputs[1] ?? ''];
      const negative = emit.compare('Less', x, 0);
      return [
        needs(0) && emit.where(negative, emit.mul(g, slope), g),
        needs(1) && emit.unbroadcast(emit.where(negative, emit.mul(g, x), 0), emit.dims(slope)),
      ];
    },
  },

  Relu: unary((emit, _x, y, g) => emit.mul(g, emit.unary('HardSigmoid', y, { alpha: HUGE, beta: 0 }))),
  LeakyRelu: unary((emit, x, _y, g, { node }) => kinked(emit, x, g, emit.mul(g, numberAttribute(node, 'alpha', 0.01)))),
  ThresholdedRelu: unary((emit, x, _y, g, { node }) =>
    emit.where(emit.compare('Greater', x, numberAttribute(node, 'alpha', 1)), g, 0),
  ),
  Elu: unary((emit, x, y, g, { node }) =>
    kinked(emit, x, g, emit.mul(g, emit.add(y, numberAttribute(node, 'alpha', 1)))),
  ),
  Celu: unary((emit, x, y, g, { node }) =>
    kinked(emit, x, g, emit.mul(g, emit.add(emit.mul(y, 1 / numberAttribute(node, 'alpha', 1)), 1))),
  ),
  Selu: unary((emit, x, y, g, { node }) => {
    const gamma = numberAttribute(node, 'gamma', 1.0507009873554805);
    const alpha = numberAttribute(node, 'alpha', 1.6732632423543772);
    return kinked(emit, x, emit.mul(g, gamma), emit.mul(g, emit.add(y, alpha * gamma)));
  }),
  Gelu: { rewrite: rewriteGelu },
  Mish: { rewrite: rewriteMish },
  Sigmoid: unary((emit, _x, y, g) => emit.mul(g, emit.mul(y, emit.sub(1, y)))),
  Tanh: unary((emit, _x, y, g) => emit.mul(g, emit.sub(1, emit.mul(y, y)))),
  Softplus: unary((emit, x, _y, g) => emit.mul(g, emit.unary('Sigmoid', x))),
  Softsign: unary((emit, x, _y, g) => {
    const scale = emit.add(emit.unary('Abs', x), 1);
    return emit.div(g, emit.mul(scale, scale));
  }),
  HardSigmoid: unary((emit, _x, y, g, { node }) => {
    const sloped = emit.and(emit.compare('Greater', y, 0), emit.compare('Less', y, 1));
    return emit.where(sloped, emit.mul(g, numberAttribute(node, 'alpha', 0.2)), 0);
  }),
  HardSwish: unary((emit, x, _y, g) => {
    const middle = emit.add(emit.mul(x, 1 / 3), 0.5);
    const slope = emit.where(emit.compare('Greater', x, 3), 1, emit.where(emit.compare('Less', x, -3), 0, middle));
    return emit.mul(g, slope);
  }),
  Exp: unary((emit, _x, y, g) => emit.mul(g, y)),
  Log: unary((emit, x, _y, g) => emit.div(g, x)),
  Sqrt: unary((emit, _x, y, g) => emit.mul(emit.div(g, y), 0.5)),
  Reciprocal: unary((emit, _x, y, g) => emit.neg(emit.mul(g, emit.mul(y, y)))),
  Abs: unary((emit, x, _y, g) => emit.mul(g, emit.unary('Sign', x))),
  Neg: unary((emit, _x, _y, g) => emit.neg(g)),
  Erf: unary((emit, x, _y, g) => emit.mul(g, emit.mul(emit.exp(emit.neg(emit.mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Sin: unary((emit, x, _y, g) => emit.mul(g, emit.unary('Cos', x))),
  Cos: unary((emit, x, _y, g) => emit.neg(emit.mul(g, emit.unary('Sin', x)))),

  Sign: jump,
  Floor: jump,
  Ceil: jump,
  Round: jump,
  Equal: jump,
  Less: jump,
  Greater: jump,
  LessOrEqual: jump,
  GreaterOrEqual: jump,
  And: jump,
  Or: jump,
  Not: jump,
  Xor: jump,
  IsNaN: jump,
  Mod: { gradient: 'constants only' },
} satisfies Record<string, Operation>;

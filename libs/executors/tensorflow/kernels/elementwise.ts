import type { GraphNode } from '#onnx-autodiff';
import { nativeType } from '../tensors.js';
import type { KernelFactory } from './kernel.js';

/** Operations that TensorFlow has under another name, or under the same. */
const simple = {
  Abs: 'Abs',
  Add: 'AddV2',
  And: 'LogicalAnd',
  Ceil: 'Ceil',
  Cos: 'Cos',
  Div: 'RealDiv',
  Equal: 'Equal',
  Erf: 'Erf',
  Exp: 'Exp',
  Floor: 'Floor',
  Greater: 'Greater',
  GreaterOrEqual: 'GreaterEqual',
  Identity: 'Identity',
  IsNaN: 'IsNan',
  Less: 'Less',
  LessOrEqual: 'LessEqual',
  Log: 'Log',
  Mul: 'Mul',
  Neg: 'Neg',
  Not: 'LogicalNot',
  Or: 'LogicalOr',
  Pow: 'Pow',
  Reciprocal: 'Reciprocal',
  Relu: 'Relu',
  Round: 'Rint',
  Sigmoid: 'Sigmoid',
  Sign: 'Sign',
  Sin: 'Sin',
  Softplus: 'Softplus',
  Softsign: 'Softsign',
  Sqrt: 'Sqrt',
  Sub: 'Sub',
  Tanh: 'Tanh',
  Where: 'SelectV2',
  Xor: 'NotEqual',
};

const named =
  (operation: string): KernelFactory =>
  (_node, _graph, operations) => {
    const run = operations.prepare(operation);
    return (inputs) => run(...inputs);
  };

/** Any number of inputs, two at a time. */
const folded =
  (operation: string): KernelFactory =>
  (_node, _graph, operations) => {
    const run = operations.prepareOne(operation);
    return ([first, ...rest]) => (first ? [rest.reduce((a, b) => run(a, b), first)] : []);
  };

/** One input folds to itself, which has to be another tensor. */
const variadic =
  (operation: string): KernelFactory =>
  (node, graph, operations) =>
    (node.inputs.length === 1 ? named('Identity') : folded(operation))(node, graph, operations);

const clip: KernelFactory = (node, _graph, operations) => {
  const present = (input: number) => (node.inputs[input] ?? '') !== '';
  if (present(1) && present(2)) return named('ClipByValue')(node, _graph, operations);
  const run = operations.prepareOne(present(1) ? 'Maximum' : present(2) ? 'Minimum' : 'Identity');
  return (inputs) => [run(...inputs.filter((_, i) => present(i)))];
};

const cast: KernelFactory = (node, graph, operations) => {
  const [from, to] = [nativeType(graph.type(node.inputs[0] ?? '')), nativeType(graph.type(node.outputs[0] ?? ''))];
  if (!from || !to) return undefined;
  const run = operations.prepare('Cast', { DstT: { type: to } });
  return (inputs) => run(...inputs);
};

/** Powers of another type than the base are cast. */
const power: KernelFactory = (node, graph, operations) =>
  sameTypes(node, graph.type) ? named('Pow')(node, graph, operations) : undefined;

const sameTypes = ({ inputs: [a = '', b = ''] }: GraphNode, type: (name: string) => string): boolean =>
  type(a) === type(b);

export const elementwise: Record<string, KernelFactory> = {
  ...Object.fromEntries(Object.entries(simple).map(([op, operation]) => [op, named(operation)])),
  Sum: variadic('AddV2'),
  Max: variadic('Maximum'),
  Min: variadic('Minimum'),
  Clip: clip,
  Cast: cast,
  Pow: power,
};

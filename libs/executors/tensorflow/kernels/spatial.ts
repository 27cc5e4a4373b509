import { integersAttribute, type GraphNode } from '#onnx-autodiff';
import type { OperationAttributes } from '../operations.js';
import { dimsOf, type KernelFactory } from './kernel.js';

/** Strides, window and pads as TensorFlow has them: one number for each axis, channels last. */
function spatialAttributes(node: GraphNode): OperationAttributes {
  const list = (name: string) => integersAttribute(node, name, []);
  const [strides, dilations, kernel, pads] = [list('strides'), list('dilations'), list('kernel'), list('pads')];
  const rank = strides.length;
  const explicit = pads.some((pad) => pad !== 0);
  return {
    strides: [1, ...strides, 1],
    padding: explicit ? 'EXPLICIT' : 'VALID',
    ...(dilations.length > 0 && { dilations: [1, ...dilations, 1] }),
    ...(kernel.length > 0 && { ksize: [1, ...kernel, 1] }),
    ...(explicit && {
      explicit_paddings: [0, 0, ...strides.flatMap((_, axis) => [pads[axis] ?? 0, pads[rank + axis] ?? 0]), 0, 0],
    }),
  };
}

const isVolume = (node: GraphNode): boolean => integersAttribute(node, 'strides', []).length === 3;

const named =
  (plane: string, volume?: string): KernelFactory =>
  (node, _graph, operations) => {
    const run = operations.prepare((isVolume(node) ? volume : undefined) ?? plane, spatialAttributes(node));
    return (inputs) => run(...inputs);
  };

/** Gradients to an input: TensorFlow wants its shape first. */
const toInput =
  (plane: string, volume?: string): KernelFactory =>
  (node, graph, operations) => {
    const run = operations.prepare((isVolume(node) ? volume : undefined) ?? plane, spatialAttributes(node));
    const shape = operations.integers(dimsOf(graph, node));
    return (inputs) => run(shape, ...inputs);
  };

/** Gradients to a filter: its shape stands between the two inputs. */
const toFilter =
  (plane: string, volume?: string): KernelFactory =>
  (node, graph, operations) => {
    const run = operations.prepare((isVolume(node) ? volume : undefined) ?? plane, spatialAttributes(node));
    const shape = operations.integers(dimsOf(graph, node));
    return ([x, g]) => (x && g ? run(x, shape, g) : []);
  };

/** What `convolution.ts` and `pooling.ts` write. */
export const spatial: Record<string, KernelFactory> = {
  TfConv: named('Conv2D', 'Conv3D'),
  TfConvInputGradient: toInput('Conv2DBackpropInput', 'Conv3DBackpropInputV2'),
  TfConvFilterGradient: toFilter('Conv2DBackpropFilter', 'Conv3DBackpropFilterV2'),
  TfDepthwise: named('DepthwiseConv2dNative'),
  TfDepthwiseInputGradient: toInput('DepthwiseConv2dNativeBackpropInput'),
  TfDepthwiseFilterGradient: toFilter('DepthwiseConv2dNativeBackpropFilter'),
  TfMaxPool: named('MaxPool'),
  TfMaxPoolGradient: named('MaxPoolGrad'),
  TfAveragePool: named('AvgPool'),
  TfAveragePoolGradient: toInput('AvgPoolGrad'),
};

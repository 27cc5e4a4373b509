import { UnsupportedModelError } from '../errors.js';
import type { GraphNode } from '../graph.js';
import { integersAttribute, numberAttribute, stringAttribute } from './attributes.js';

/** How a convolution or a pooling moves over the spatial axes, everything spelled out. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before each axis, then after each axis. */
  readonly pads: readonly number[];
}

/** `inputSizes` and `kernel` are spatial. Resolves `auto_pad`. */
export function windowOf(node: GraphNode, inputSizes: readonly number[], kernel: readonly number[]): Window {
  const rank = kernel.length;
  const ones = Array<number>(rank).fill(1);
  const strides = integersAttribute(node, 'strides', ones);
  const dilations = integersAttribute(node, 'dilations', ones);
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (mode === 'NOTSET')
    return { kernel, strides, dilations, pads: integersAttribute(node, 'pads', Array<number>(2 * rank).fill(0)) };
  const missing = kernel.map((size, axis) => {
    if (mode === 'VALID') return 0;
    const [stride, dilation, input] = [strides[axis] ?? 1, dilations[axis] ?? 1, inputSizes[axis] ?? 1];
    return Math.max(0, (Math.ceil(input / stride) - 1) * stride + dilation * (size - 1) + 1 - input);
  });
  const smaller = missing.map((total) => Math.floor(total / 2));
  const larger = missing.map((total) => Math.ceil(total / 2));
  if (mode === 'SAME_LOWER') return { kernel, strides, dilations, pads: [...larger, ...smaller] };
  if (mode === 'SAME_UPPER' || mode === 'VALID') return { kernel, strides, dilations, pads: [...smaller, ...larger] };
  throw new UnsupportedModelError(
    `${node.op} node "${node.name ?? node.outputs[0] ?? ''}" has the unknown auto_pad "${mode}"`,
    { op: node.op },
  );
}

export const windowAttributes = ({ kernel, strides, dilations, pads }: Window) => ({
  kernel_shape: kernel,
  strides,
  dilations,
  pads,
});

/** Reads back what `windowAttributes` wrote. */
export const spelledOutWindow = (node: GraphNode): Window => ({
  kernel: integersAttribute(node, 'kernel_shape', []),
  strides: integersAttribute(node, 'strides', []),
  dilations: integersAttribute(node, 'dilations', []),
  pads: integersAttribute(node, 'pads', []),
});

export const groupOf = (node: GraphNode): number => numberAttribute(node, 'group', 1);

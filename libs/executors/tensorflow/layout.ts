import { type Emitter, type GraphNode, range, type Window } from '#onnx-autodiff';

/** Writes one node with what TensorFlow has; `dims` is the shape of its output. */
export type Lower = (emit: Emitter, node: GraphNode, dims: readonly number[]) => string;

/** [N, C, ...sizes] to [N, ...sizes, C] and back, as orders for Transpose. */
export const channelsLastOrder = (rank: number): number[] => [0, ...range(2, rank), 1];
export const channelsFirstOrder = (rank: number): number[] => [0, rank - 1, ...range(1, rank - 1)];

export const toChannelsLast = (emit: Emitter, x: string): string =>
  emit.transpose(x, channelsLastOrder(emit.dims(x).length));
export const toChannelsFirst = (emit: Emitter, x: string): string =>
  emit.transpose(x, channelsFirstOrder(emit.dims(x).length));

/** A line as a plane of height 1, since TensorFlow starts at two spatial axes. */
export const asPlane = (dims: readonly number[]): number[] => dims.toSpliced(2, 0, 1);

export const restOnPlane = ({ kernel, strides, dilations, pads: [before = 0, after = 0] }: Window): Window => ({
  kernel: [1, ...kernel],
  strides: [1, ...strides],
  dilations: [1, ...dilations],
  pads: [0, before, 0, after],
});

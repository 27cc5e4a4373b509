import type { Dataset } from '#artifacts';

import { UsageError } from './errors.js';

export const LAYOUTS = ['nchw', 'nhwc'] as const;
export type Layout = (typeof LAYOUTS)[number];

const COLOURS = [1, 3, 4];

/** Which axis of a picture [a, b, c] is the colour; undefined where that cannot be told, or where it is no picture. */
export function layoutOf(dims: readonly number[]): Layout | undefined {
  const [first = 0, , last = 0] = dims;
  if (dims.length !== 3 || COLOURS.includes(first) === COLOURS.includes(last)) return undefined;
  return COLOURS.includes(first) ? 'nchw' : 'nhwc';
}

/** How the model takes pictures: where the sizes do not tell, as the data lie, or else channels first. */
export function pictureOf(dims: readonly number[], layout: Layout | undefined) {
  if (dims.length !== 3) return undefined;
  const channelsLast = (layoutOf(dims) ?? layout) === 'nhwc';
  const [a = 0, b = 0, c = 0] = dims;
  return channelsLast
    ? { height: a, width: b, channels: c, channelsLast }
    : { height: b, width: c, channels: a, channelsLast };
}

/** The shape that a row has in a file of the given layout, if the model takes `dims`. */
export function storedDims(dims: readonly number[], layout: Layout | undefined): readonly number[] {
  if (!turned(dims, layout)) return dims;
  const [a = 0, b = 0, c = 0] = dims;
  return layout === 'nhwc' ? [b, c, a] : [c, a, b];
}

export function rowsAsModelTakesThem(data: Dataset, dims: readonly number[], layout: Layout | undefined): Dataset {
  if (!turned(dims, layout)) return data;
  const [height = 0, width = 0, channels = 0] = layout === 'nhwc' ? data.dims : dims;
  const pixels = height * width;
  const x = new Float32Array(data.x.length);
  for (let start = 0; start < x.length; start += pixels * channels)
    for (let pixel = 0; pixel < pixels; pixel++)
      for (let channel = 0; channel < channels; channel++) {
        const [planar, interleaved] = [start + channel * pixels + pixel, start + pixel * channels + channel];
        if (layout === 'nhwc') x[planar] = data.x[interleaved]!;
        else x[interleaved] = data.x[planar]!;
      }
  return { ...data, x, dims: [...dims] };
}

function turned(dims: readonly number[], layout: Layout | undefined): boolean {
  if (layout === undefined) return false;
  if (dims.length !== 3)
    throw new UsageError(`--layout is for pictures; this model takes rows of shape (${dims.join(', ')})`);
  return (layoutOf(dims) ?? layout) !== layout;
}

import { type OnnxModel, type Standardization, takingRawRows } from '#onnx-autodiff';

import type { Arguments } from './arguments.js';
import { UsageError } from './errors.js';
import { layoutFrom } from './threat.js';
import { pictureOf } from './layout.js';

export const STANDARDIZATION_OPTIONS = ['mean', 'std'] as const;

export const STANDARDIZATION_HELP = `  --mean A,B,...      what is taken off each channel (or all values) before the model sees it; data, --range and --eps
  --std A,B,...       stay as they are before: --mean .485,.456,.406 --std .229,.224,.225 for many photo models`;

/** The model as it takes the data that were declared: where --mean and --std are given, before they are applied. */
export function modelForData(model: OnnxModel, standardization: Standardization | null): OnnxModel {
  return standardization ? takingRawRows(model, standardization) : model;
}

/** null: the model takes the data as they are. */
export function standardizationOf(args: Arguments, { input }: OnnxModel): Standardization | null {
  const [mean, deviation] = [args.numbers('mean'), args.numbers('std')];
  if (!mean && !deviation) return null;
  if (!mean || !deviation) throw new UsageError(`--${mean ? 'std' : 'mean'} is missing: give both, --mean and --std`);
  const dims = input.dims.slice(1).map((dim) => dim ?? 0);
  const picture = pictureOf(dims, layoutFrom(args));
  const axis = picture?.channelsLast ? dims.length - 1 : 0;
  const channels = dims[axis] ?? 1;
  for (const [name, values] of [
    ['mean', mean],
    ['std', deviation],
  ] as const) {
    if (values.length !== 1 && values.length !== channels)
      throw new UsageError(`--${name} has ${values.length} numbers; give one, or ${channels}: one for each channel`);
  }
  if (deviation.some((value) => value <= 0)) throw new UsageError('--std must be above 0');
  const all = (values: number[]) => (values.length === 1 ? Array<number>(channels).fill(values[0]!) : values);
  return { mean: all(mean), deviation: all(deviation), axis };
}

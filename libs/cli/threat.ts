import type { ThreatModel } from '#adversarial';

import type { Arguments } from './arguments.js';
import { UsageError } from './errors.js';
import type { DataSource } from './files.js';
import { type Layout, LAYOUTS } from './layout.js';

export const THREAT_OPTIONS = ['norm', 'eps', 'range'] as const;
export const DATA_OPTIONS = ['data', 'labels', 'layout'] as const;

/** What the attacker may do, in the units of the model's input. */
export function threatOf(args: Arguments): ThreatModel {
  const range = args.range('range', [0, 1]);
  const norm = args.oneOf('norm', ['linf', 'l2'], 'linf');
  // An L2 ball may be as wide as the whole space; its diameter depends on the model and is not known here.
  const high = norm === 'linf' ? range[1] - range[0] : 1e9;
  const epsilon = args.number('eps', { low: 0, high });
  if (epsilon === 0) throw new UsageError('--eps must be above 0');
  return { norm, range, epsilon };
}

export function sourceOf(args: Arguments, option = 'data', labels = 'labels'): DataSource {
  return {
    option,
    path: args.required(option, `${option === 'data' ? 'train' : option}.npz`),
    labels: args.text(labels),
    range: args.range('range', [0, 1]),
    layout: layoutFrom(args),
  };
}

export const layoutFrom = (args: Arguments): Layout | undefined =>
  args.text('layout') === undefined ? undefined : args.oneOf('layout', LAYOUTS);

export const DATA_HELP = `  --data PATH         an .npz with x (rows) and y (integer labels), MNIST's IDX file of images (.gz too), or a folder
                      with one folder of PNG or JPEG pictures for each class
  --labels FILE       the IDX file of labels, where --data is one of images
  --layout NAME       nchw | nhwc: how pictures lie in the file, where that is not how the model takes them
  --range LOW,HIGH    smallest and largest value of the model's input (default 0,1); bytes 0-255 are stretched to it`;

export const COMMON_HELP = `  --seed INTEGER      random starts and orders (default 1)
  --engine NAME       auto (default: the fastest one here) | onnxruntime | cuda | webgpu | tensorflow
  --threads INTEGER   default: all cores
  --memory AMOUNT     what the process may take in all, such as 4GiB (default: four fifths of what is free); batches that
                      need more are split
  --json              one JSON object on standard output, nothing else there
  --quiet             no progress on standard error`;

import type { Attributes } from '../file/attributes.js';
import { type CaseFile, type CasesOf, type GradientCase, uniform } from '../testing/gradientCase.js';
import type { structural } from './structural.js';

const Q = [2, 3, 4, 5];
const one = (
  name: string,
  build: (file: CaseFile) => string,
  dims: readonly number[] = Q,
  opset = 17,
): GradientCase => ({
  name,
  inputs: { x: uniform(dims) },
  build,
  opset,
});
const pad = (name: string, pads: readonly number[], attributes: Attributes = {}): GradientCase =>
  one(name, (file) => file.node('Pad', ['x', file.integers(pads)], attributes));
const nearest = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };

export const structuralCases: CasesOf<typeof structural> = {
  Identity: [one('as it is', (file) => file.node('Identity', ['x']))],
  Dropout: [
    one('opset 7', (file) => file.node('Dropout', ['x'], { ratio: 0.5 }), Q, 7),
    one('opset 13', (file) => file.node('Dropout', ['x', file.scalar(0.5)]), Q, 13),
  ],
  Cast: [
    one('by way of whole numbers: a constant', (file) => {
      const whole = file.node('Cast', [file.node('Mul', ['x', file.scalar(0.1)])], { to: 7 });
      return file.node('Add', ['x', file.node('Cast', [whole], { to: 1 })]);
    }),
    one('to float', (file) => file.node('Cast', ['x'], { to: 1 })),
  ],
  Constant: [
    one('a factor', (file) => file.node('Mul', ['x', file.node('Constant', [], { value_float: 1.5 })])),
    one('a tensor', (file) =>
      file.node('Add', [
        'x',
        file.node('Constant', [], { value: { type: 'float32', dims: [5], data: Float32Array.of(1, 2, 3, 4, 5) } }),
      ]),
    ),
  ],
  Flatten: [one('at axis 2', (file) => file.node('Flatten', ['x'], { axis: 2 }))],
  Reshape: [one('with 0 and -1', (file) => file.node('Reshape', ['x', file.integers([0, -1])]))],
  Squeeze: [
    one('axes as input', (file) => file.node('Squeeze', ['x', file.integers([1])]), [2, 1, 3]),
    one('axes as attribute', (file) => file.node('Squeeze', ['x'], { axes: [1] }), [2, 1, 3], 11),
  ],
  Unsqueeze: [
    one('axes as input', (file) => file.node('Unsqueeze', ['x', file.integers([0, 3])]), [2, 3]),
    one('axes as attribute', (file) => file.node('Unsqueeze', ['x'], { axes: [0, 3] }), [2, 3], 11),
  ],
  Transpose: [
    one('any order', (file) => file.node('Transpose', ['x'], { perm: [3, 0, 2, 1] })),
    one('turned around', (file) => file.node('Transpose', ['x'])),
  ],
  Expand: [one('new and stretched axes', (file) => file.node('Expand', ['x', file.integers([2, 3, 4])]), [3, 1])],
  Concat: [
    {
      name: 'three parts',
      inputs: { a: uniform([2, 3, 2]), b: uniform([2, 1, 2]), c: uniform([2, 2, 2]) },
      build: (file) => file.node('Concat', ['a', 'b', 'c'], { axis: -2 }),
    },
  ],
  Split: [
    one('sizes as input, both parts used', (file) => {
      const [first = '', second = ''] = file.nodeWithOutputs('Split', ['x', file.integers([1, 2])], { axis: 1 }, 2);
      return file.node('Add', [file.node('Exp', [first]), second]);
    }),
    one(
      'sizes as attribute, one part used',
      (file) => file.nodeWithOutputs('Split', ['x'], { axis: -1, split: [2, 3] }, 2)[1] ?? '',
      Q,
      11,
    ),
    one(
      'number of parts',
      (file) => file.nodeWithOutputs('Split', ['x'], { axis: 2, num_outputs: 2 }, 2)[0] ?? '',
      Q,
      18,
    ),
    one(
      'number of parts, the last one smaller',
      (file) => {
        const [first = '', , last = ''] = file.nodeWithOutputs('Split', ['x'], { axis: -1, num_outputs: 3 }, 3);
        return file.node('Mul', [file.node('Exp', [first]), last]);
      },
      Q,
      18,
    ),
  ],
  Slice: [
    one('steps, backwards too', (file) =>
      file.node('Slice', [
        'x',
        file.integers([1, -1]),
        file.integers([4, -100]),
        file.integers([2, 3]),
        file.integers([2, -2]),
      ]),
    ),
    one(
      'bounds as attributes',
      (file) => file.node('Slice', ['x'], { axes: [1, 3], starts: [1, -3], ends: [1000, -1] }),
      Q,
      9,
    ),
    one('no axes', (file) => file.node('Slice', ['x', file.integers([1, 0]), file.integers([2, 2])])),
  ],
  Pad: [
    pad('zeros', [0, 0, 1, 2, 0, 1, 3, 0]),
    pad('negative: cropped', [0, 0, -1, 2, 0, 0, 1, -2]),
    pad('reflect', [0, 0, 2, 1, 0, 0, 1, 3], { mode: 'reflect' }),
    pad('edge', [0, 0, 2, 1, 0, 0, 1, 3], { mode: 'edge' }),
    one(
      'pads as attribute',
      (file) => file.node('Pad', ['x'], { mode: 'constant', pads: [0, 0, 1, 1, 0, 0, 1, 1], value: 2 }),
      Q,
      9,
    ),
  ],
  Gather: [
    one(
      'repeated and negative indices',
      (file) => file.node('Gather', ['x', file.constant([1, 3, 1, -1], [2, 2], 'int64')], { axis: 1 }),
      [4, 5],
    ),
    one('one index', (file) => file.node('Gather', ['x', file.constant([0], [], 'int64')], { axis: 1 }), [2, 4, 5]),
  ],
  GatherElements: [
    one(
      'repeated indices',
      (file) => file.node('GatherElements', ['x', file.constant([0, 0, 1, -1, 2, 0], [2, 3], 'int64')], { axis: 1 }),
      [2, 3],
    ),
  ],
  Tile: [one('two axes', (file) => file.node('Tile', ['x', file.integers([1, 2, 3])]), [2, 3, 2])],
  CumSum: [
    one('along rows', (file) => file.node('CumSum', ['x', file.constant([1], [], 'int64')]), [3, 4]),
    one(
      'exclusive, backwards',
      (file) => file.node('CumSum', ['x', file.constant([0], [], 'int64')], { exclusive: 1, reverse: 1 }),
      [3, 4],
    ),
  ],
  Trilu: [one('lower', (file) => file.node('Trilu', ['x', file.constant([1], [], 'int64')], { upper: 0 }), [4, 5])],
  SpaceToDepth: [one('blocks of 2', (file) => file.node('SpaceToDepth', ['x'], { blocksize: 2 }), [1, 2, 4, 6])],
  DepthToSpace: [
    one('DCR', (file) => file.node('DepthToSpace', ['x'], { blocksize: 2 }), [1, 8, 2, 3]),
    one('CRD', (file) => file.node('DepthToSpace', ['x'], { blocksize: 2, mode: 'CRD' }), [1, 8, 2, 3]),
  ],
  Resize: [
    one(
      'half_pixel',
      (file) => file.node('Resize', ['x', '', file.constant([1, 1, 2, 3])], { mode: 'nearest' }),
      [1, 2, 3, 4],
    ),
    one(
      'opset 10',
      (file) => file.node('Resize', ['x', file.constant([1, 1, 2, 2])], { mode: 'nearest' }),
      [1, 2, 3, 4],
      10,
    ),
    one('nearest', (file) => file.node('Resize', ['x', '', file.constant([1, 1, 2, 3])], nearest), [1, 2, 3, 4]),
    ...(
      [
        ['linear, up', 'linear', 'half_pixel', [1, 1, 2.5, 1.5]],
        ['linear, down', 'linear', 'pytorch_half_pixel', [1, 1, 0.5, 0.75]],
        ['linear, corners aligned', 'linear', 'align_corners', [1, 1, 2, 1.75]],
        ['cubic', 'cubic', 'half_pixel', [1, 1, 2, 1.5]],
        ['cubic, down', 'cubic', 'asymmetric', [1, 1, 0.6, 0.5]],
        ['nearest, no whole factor', 'nearest', 'half_pixel', [1, 1, 1.7, 0.5]],
      ] as const
    ).map(([name, mode, coordinate_transformation_mode, scales]) =>
      one(
        name,
        (file) => file.node('Resize', ['x', '', file.constant(scales)], { mode, coordinate_transformation_mode }),
        [1, 2, 5, 4],
      ),
    ),
    one(
      'to a size, from opset 13',
      (file) =>
        file.node('Resize', ['x', '', '', file.integers([1, 2, 7, 3])], {
          mode: 'linear',
          coordinate_transformation_mode: 'align_corners',
        }),
      [1, 2, 3, 4],
      13,
    ),
  ],
  Upsample: [
    one(
      'scales as attribute',
      (file) => file.node('Upsample', ['x'], { mode: 'nearest', scales: [1, 1, 2, 2] }),
      [1, 2, 3, 4],
      7,
    ),
    one(
      'scales as input',
      (file) => file.node('Upsample', ['x', file.constant([1, 1, 2, 2])], { mode: 'nearest' }),
      [1, 2, 3, 4],
      9,
    ),
  ],
};

/** Node tests that do not pass: why they should not, what the importer or the comparison says, and which they are. */
export const knownNodeTestFailures: readonly {
  readonly why: string;
  readonly says: RegExp;
  readonly tests: readonly string[];
}[] = [
  {
    why: 'no classifier computes with integers of these types',
    says: /has element type \d+, which is not supported/,
    tests: [
      ...['default_int8_inbounds', 'default_int8_max', 'default_int8_min'].map((name) => `test_clip_${name}`),
      ...['int16', 'int8', 'uint16', 'uint32', 'uint64'].flatMap((type) => [`test_max_${type}`, `test_min_${type}`]),
      ...['mixed_sign_int16', 'mixed_sign_int8', 'uint16', 'uint32', 'uint64'].map((name) => `test_mod_${name}`),
      ...['test_pow_types_float32_uint32', 'test_pow_types_float32_uint64', 'test_top_k_uint64'],
    ],
  },
  {
    why: 'older than the oldest opset that is read',
    says: /opset 1 is not supported/,
    tests: ['test_not_2d', 'test_not_3d', 'test_not_4d'],
  },
  {
    why: 'no exporter writes dilated average pooling',
    says: /AveragePool .*dilation is not supported/,
    tests: [
      'test_averagepool_2d_dilations',
      ...['0_ceil_mode_is_False', '0_ceil_mode_is_True', '1_ceil_mode_is_False', '1_ceil_mode_is_True'].map(
        (name) => `test_averagepool_3d_dilations_large_count_include_pad_is_${name}`,
      ),
      'test_averagepool_3d_dilations_small',
    ],
  },
  {
    why: 'a served classifier is in evaluation mode',
    says: /BatchNormalization .*training mode/,
    tests: ['test_batchnorm_epsilon_training_mode', 'test_batchnorm_example_training_mode'],
  },
  {
    why: 'a network that is one constant is no classifier',
    says: /no node computes the output "values"/,
    tests: ['test_constant'],
  },
  {
    why: 'Dropout becomes the identity, which has no mask',
    says: /output z is missing/,
    tests: ['test_dropout_default_mask', 'test_dropout_default_mask_ratio', 'test_training_dropout_zero_ratio_mask'],
  },
  {
    why: 'ONNX Runtime reduces no booleans in opset 17',
    says: /does not run on input .*tensor\(bool\)/,
    tests: ['test_reduce_max_bool_inputs', 'test_reduce_min_bool_inputs'],
  },
  {
    why: 'ONNX Runtime derives the scale of aligned corners from the scales instead of the sizes',
    says: /output Y is (2.5|4) at 1/,
    tests: ['test_resize_downsample_scales_cubic_align_corners', 'test_resize_downsample_scales_linear_align_corners'],
  },
  {
    why: 'Resize has got attributes since opset 17: antialias, axes, keep_aspect_ratio_policy',
    says: /Unrecognized attribute: (antialias|axes|keep_aspect_ratio_policy)/,
    tests: [
      ...['scales_cubic', 'scales_linear', 'sizes_cubic', 'sizes_linear'].map(
        (name) => `test_resize_downsample_${name}_antialias`,
      ),
      ...['downsample', 'upsample'].flatMap((name) => [
        `test_resize_${name}_sizes_nearest_not_larger`,
        `test_resize_${name}_sizes_nearest_not_smaller`,
      ]),
      ...['tf_crop_and_resize', 'upsample_scales_nearest', 'upsample_sizes_nearest'].flatMap((name) => [
        `test_resize_${name}_axes_2_3`,
        `test_resize_${name}_axes_3_2`,
      ]),
    ],
  },
  {
    why: 'shapes are not known yet when an opset is rewritten, and no exporter writes it',
    says: /Pad .*a list of axes is not supported/,
    tests: ['test_constant_pad_axes', 'test_constant_pad_negative_axes'],
  },
  {
    why: 'ONNX Runtime runs no recurrent network whose batch comes first (layout 1)',
    says: /does not run on input .*(DeepCpuGruOp|LSTMBase|RNN)/,
    tests: ['test_gru_batchwise', 'test_lstm_batchwise', 'test_simple_rnn_batchwise'],
  },
];

/** The common part of layers of Keras 3 and of those here: the properties by class, in Keras's words. */

const WEIGHTED = [
  'use_bias',
  'kernel_initializer',
  'bias_initializer',
  'kernel_regularizer',
  'bias_regularizer',
  'kernel_constraint',
  'bias_constraint',
];
const PLACED = ['kernel_size', 'strides', 'padding', 'data_format', 'dilation_rate', 'activation'];
const CONVOLUTION = ['filters', ...PLACED, ...WEIGHTED];
const TRANSPOSED = [...CONVOLUTION, 'output_padding'];
const BIASED = ['use_bias', 'bias_initializer', 'bias_regularizer', 'bias_constraint'];
const weighted = (name: string): string[] =>
  ['initializer', 'regularizer', 'constraint'].map((kind) => `${name}_${kind}`);
const DEPTHWISE = [...PLACED, ...BIASED, 'depth_multiplier', ...weighted('depthwise')];
const SEPARABLE = [...DEPTHWISE, 'filters', ...weighted('pointwise')];
const POOLING = ['pool_size', 'strides', 'padding', 'data_format'];
const WHOLE_POOLING = ['data_format', 'keepdims'];
const CELL = ['units', 'activation', ...WEIGHTED, ...weighted('recurrent'), 'dropout', 'recurrent_dropout'];
const SEQUENCE = ['return_sequences', 'return_state', 'go_backwards', 'stateful', 'unroll'];
const RECURRENT = [...CELL, ...SEQUENCE, 'zero_output_for_mask'];
const CONV_LSTM = [
  ...CONVOLUTION,
  ...weighted('recurrent'),
  'recurrent_activation',
  'unit_forget_bias',
  'dropout',
  'recurrent_dropout',
  'return_sequences',
  'return_state',
  'go_backwards',
];
const NORMALIZATION = ['axis', 'epsilon', 'center', 'scale', ...weighted('beta'), ...weighted('gamma')];

const inEachRank = (
  name: string,
  properties: readonly string[],
  ranks = [1, 2, 3],
): [string, readonly string[]][] => ranks.map((rank) => [name.replace('#', String(rank)), properties]);

/**
 * The layers that both have, with the properties that mean the same in both. Others are left to their defaults
 * where that is the same, and refused where a model has it set.
 */
export const LAYER_PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  Activation: ['activation'],
  Add: [],
  AlphaDropout: ['rate', 'noise_shape'],
  Average: [],
  BatchNormalization: [
    ...NORMALIZATION,
    'momentum',
    'moving_mean_initializer',
    'moving_variance_initializer',
  ],
  Bidirectional: ['merge_mode', 'layer'],
  CategoryEncoding: ['num_tokens', 'output_mode'],
  CenterCrop: ['height', 'width', 'data_format'],
  Concatenate: ['axis'],
  Dense: ['units', 'activation', ...WEIGHTED],
  Dot: ['axes', 'normalize'],
  Dropout: ['rate', 'noise_shape', 'seed'],
  ELU: ['alpha'],
  Embedding: ['input_dim', 'output_dim', ...weighted('embeddings'), 'mask_zero'],
  Flatten: ['data_format'],
  GRU: [...RECURRENT, 'recurrent_activation', 'reset_after'],
  GRUCell: [...CELL, 'recurrent_activation', 'reset_after'],
  GaussianDropout: ['rate'],
  GaussianNoise: ['stddev'],
  GroupNormalization: ['groups', ...NORMALIZATION],
  Identity: [],
  LSTM: [...RECURRENT, 'recurrent_activation', 'unit_forget_bias'],
  LSTMCell: [...CELL, 'recurrent_activation', 'unit_forget_bias'],
  LayerNormalization: NORMALIZATION,
  LeakyReLU: ['alpha'],
  Masking: ['mask_value'],
  Maximum: [],
  Minimum: [],
  MultiHeadAttention: ['num_heads', 'key_dim', 'value_dim', 'dropout', 'output_shape', ...WEIGHTED],
  Multiply: [],
  Normalization: ['axis', 'mean', 'variance', 'invert'],
  PReLU: [...weighted('alpha'), 'shared_axes'],
  Permute: ['dims'],
  RMSNormalization: ['axis', 'epsilon'],
  RNN: ['cell', ...SEQUENCE],
  ReLU: ['max_value', 'negative_slope', 'threshold'],
  RepeatVector: ['n'],
  Rescaling: ['scale', 'offset'],
  Reshape: ['target_shape'],
  Resizing: [
    'height',
    'width',
    'interpolation',
    'crop_to_aspect_ratio',
    'pad_to_aspect_ratio',
    'fill_mode',
    'fill_value',
    'antialias',
    'data_format',
  ],
  SimpleRNN: RECURRENT,
  SimpleRNNCell: CELL,
  Softmax: ['axis'],
  SpatialDropout1D: ['rate', 'seed'],
  SpatialDropout2D: ['rate', 'seed', 'data_format'],
  SpatialDropout3D: ['rate', 'seed', 'data_format'],
  StackedRNNCells: ['cells'],
  Subtract: [],
  ThresholdedReLU: ['theta'],
  TimeDistributed: ['layer'],
  UnitNormalization: ['axis'],
  UpSampling1D: ['size'],
  UpSampling2D: ['size', 'data_format', 'interpolation'],
  UpSampling3D: ['size', 'data_format'],
  ...Object.fromEntries([
    ...inEachRank('Conv#D', [...CONVOLUTION, 'groups']),
    ...inEachRank('Conv#DTranspose', TRANSPOSED),
    ...inEachRank('DepthwiseConv#D', DEPTHWISE, [1, 2]),
    ...inEachRank('SeparableConv#D', SEPARABLE, [1, 2]),
    ...inEachRank('ConvLSTM#D', CONV_LSTM),
    ...inEachRank('AveragePooling#D', POOLING),
    ...inEachRank('MaxPooling#D', POOLING),
    ...inEachRank('GlobalAveragePooling#D', WHOLE_POOLING),
    ...inEachRank('GlobalMaxPooling#D', WHOLE_POOLING),
    ...inEachRank('AdaptiveAveragePooling#D', ['output_size', 'data_format']),
    ...inEachRank('AdaptiveMaxPooling#D', ['output_size', 'data_format']),
    ...inEachRank('Cropping#D', ['cropping', 'data_format']),
    ...inEachRank('ZeroPadding#D', ['padding', 'data_format']),
  ]),
};

/** Layers that Keras 3 has no more: they are read from older files, and not written. */
export const OLD_CLASSES: ReadonlySet<string> = new Set(['ThresholdedReLU']);

/** Layers that take a list of tensors. */
export const MERGING: ReadonlySet<string> = new Set([
  'Add',
  'Average',
  'Concatenate',
  'Dot',
  'Maximum',
  'Minimum',
  'Multiply',
  'Subtract',
]);

/** Layers that take their first states after their input. */
export const WITH_STATES: ReadonlySet<string> = new Set([
  'Bidirectional',
  'ConvLSTM1D',
  'ConvLSTM2D',
  'ConvLSTM3D',
  'GRU',
  'LSTM',
  'RNN',
  'SimpleRNN',
]);

/** tfjs's name of a property -> Keras's, where they differ. */
export const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  LeakyReLU: { alpha: 'negative_slope' },
};

/** Properties that tfjs lacks, with the value at which Keras does the same as tfjs. */
export const KERAS_ONLY: Readonly<Record<string, unknown>> = {
  data_format: 'channels_last',
  groups: 1,
  renorm: false,
  keepdims: false,
  rms_scaling: false,
  scale_grad_by_freq: false,
  stateful: false,
  time_major: false,
  unroll: false,
  zero_output_for_mask: false,
  lora_rank: null,
  // Of multi-head attention: the axis of the positions, and gates of its result.
  attention_axes: [1],
  use_gate: false,
};

/** Of no consequence to what a layer computes, or without meaning together with the ones above. */
export const IGNORED: ReadonlySet<string> = new Set([
  'name',
  'trainable',
  'dtype',
  'seed',
  // One device computes: there is nothing to synchronize.
  'synchronized',
  'renorm_momentum',
  'implementation',
  'batch_shape',
  'batch_input_shape',
  'input_length',
  'optional',
  'ragged',
  'sparse',
  'lora_alpha',
]);

/** Why a class of Keras has no counterpart here, for the message and the table in the documentation. */
export const REFUSED_CLASSES: Readonly<Record<string, string>> = {
  ActivityRegularization: 'its loss is of its outputs, and tfjs has losses of weights only',
  Lambda: 'it is a function in Python',
  SpectralNormalization: 'its weight changes with each step of training',
};

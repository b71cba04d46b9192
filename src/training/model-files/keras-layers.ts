import { unsupported } from './errors.ts';

/** A plain JSON object, as configurations are. */
export type Json = Record<string, unknown>;

const WEIGHTED = [
  'use_bias',
  'kernel_initializer',
  'bias_initializer',
  'kernel_regularizer',
  'bias_regularizer',
];
const CONSTRAINED = ['kernel_constraint', 'bias_constraint'];
const CONVOLUTION = [
  'filters',
  'kernel_size',
  'strides',
  'padding',
  'data_format',
  'dilation_rate',
  'activation',
  ...WEIGHTED,
  ...CONSTRAINED,
];
const POOLING = ['pool_size', 'strides', 'padding', 'data_format'];
const RECURRENT = [
  'units',
  'activation',
  ...WEIGHTED,
  ...CONSTRAINED,
  'recurrent_initializer',
  'recurrent_regularizer',
  'recurrent_constraint',
  'dropout',
  'recurrent_dropout',
  'return_sequences',
  'return_state',
  'go_backwards',
  'stateful',
  'unroll',
];

/**
 * The layers that tfjs and Keras 3 both have, with the properties that mean the same in both. What is not listed is
 * left to its default where that is the same, and refused where a model has it set.
 */
const LAYER_PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  Activation: ['activation'],
  Add: [],
  Average: [],
  AveragePooling1D: POOLING,
  AveragePooling2D: POOLING,
  AveragePooling3D: POOLING,
  BatchNormalization: [
    'axis',
    'momentum',
    'epsilon',
    'center',
    'scale',
    'beta_initializer',
    'gamma_initializer',
    'moving_mean_initializer',
    'moving_variance_initializer',
    'beta_regularizer',
    'gamma_regularizer',
    'beta_constraint',
    'gamma_constraint',
  ],
  Bidirectional: ['merge_mode', 'layer'],
  Concatenate: ['axis'],
  Conv1D: CONVOLUTION,
  Conv2D: CONVOLUTION,
  Conv2DTranspose: CONVOLUTION,
  Conv3D: CONVOLUTION,
  Cropping2D: ['cropping', 'data_format'],
  Dense: ['units', 'activation', ...WEIGHTED, ...CONSTRAINED],
  DepthwiseConv2D: [
    ...CONVOLUTION.filter((key) => !key.startsWith('kernel_') && key !== 'filters'),
    'kernel_size',
    'depth_multiplier',
    'depthwise_initializer',
    'depthwise_regularizer',
    'depthwise_constraint',
  ],
  Dot: ['axes', 'normalize'],
  Dropout: ['rate', 'noise_shape', 'seed'],
  ELU: ['alpha'],
  Embedding: [
    'input_dim',
    'output_dim',
    'embeddings_initializer',
    'embeddings_regularizer',
    'embeddings_constraint',
    'mask_zero',
  ],
  Flatten: ['data_format'],
  GRU: [...RECURRENT, 'recurrent_activation', 'reset_after'],
  GaussianDropout: ['rate'],
  GaussianNoise: ['stddev'],
  GlobalAveragePooling1D: [],
  GlobalAveragePooling2D: ['data_format'],
  GlobalMaxPooling1D: [],
  GlobalMaxPooling2D: ['data_format'],
  LSTM: [...RECURRENT, 'recurrent_activation', 'unit_forget_bias'],
  LayerNormalization: ['axis', 'epsilon', 'center', 'scale', 'beta_initializer', 'gamma_initializer'],
  LeakyReLU: ['alpha'],
  Masking: ['mask_value'],
  MaxPooling1D: POOLING,
  MaxPooling2D: POOLING,
  MaxPooling3D: POOLING,
  Maximum: [],
  Minimum: [],
  Multiply: [],
  PReLU: ['alpha_initializer', 'alpha_regularizer', 'alpha_constraint', 'shared_axes'],
  Permute: ['dims'],
  ReLU: ['max_value'],
  RepeatVector: ['n'],
  Reshape: ['target_shape'],
  SeparableConv2D: [
    ...CONVOLUTION.filter((key) => !key.startsWith('kernel_')),
    'kernel_size',
    'depth_multiplier',
    'depthwise_initializer',
    'pointwise_initializer',
    'depthwise_regularizer',
    'pointwise_regularizer',
    'depthwise_constraint',
    'pointwise_constraint',
  ],
  SimpleRNN: RECURRENT,
  Softmax: ['axis'],
  SpatialDropout1D: ['rate'],
  TimeDistributed: ['layer'],
  UpSampling2D: ['size', 'data_format', 'interpolation'],
  ZeroPadding2D: ['padding', 'data_format'],
};

/** Layers that take a list of tensors. */
export const MERGING = new Set(['Add', 'Average', 'Concatenate', 'Dot', 'Maximum', 'Minimum', 'Multiply']);

/** tfjs's name of a property -> Keras's, where they differ. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  LeakyReLU: { alpha: 'negative_slope' },
};

/** Properties that tfjs lacks, with the value at which Keras does the same as tfjs; null does everywhere. */
const KERAS_ONLY: Readonly<Record<string, unknown>> = {
  data_format: 'channels_last',
  groups: 1,
  synchronized: false,
  renorm: false,
  keepdims: false,
  negative_slope: 0,
  threshold: 0,
  rms_scaling: false,
  scale_grad_by_freq: false,
};
/** Of no consequence to what a layer computes, or without meaning beside the ones above. */
const IGNORED = new Set([
  'name',
  'trainable',
  'dtype',
  'seed',
  'renorm_momentum',
  'implementation',
  'time_major',
  'zero_output_for_mask',
  'batch_shape',
  'batch_input_shape',
  'input_length',
  'optional',
  'ragged',
  'sparse',
]);

function moduleOf(key: string): string | undefined {
  if (key.endsWith('_initializer')) return 'keras.initializers';
  if (key.endsWith('_regularizer')) return 'keras.regularizers';
  if (key.endsWith('_constraint')) return 'keras.constraints';
  return undefined;
}

function checkActivation(layer: string, key: string, value: unknown): void {
  if (key.endsWith('activation') && typeof value !== 'string') {
    throw unsupported(`layer ${layer}: its ${key} is no activation by name`);
  }
  if (value === 'hard_sigmoid') {
    throw unsupported(
      `layer ${layer}: hard_sigmoid is another function in Keras 3 than in tfjs; build it with ${key === 'recurrent_activation' ? "recurrentActivation: 'sigmoid'" : 'another activation'}`,
    );
  }
}

function propertiesOf(className: string, layer: string): readonly string[] {
  const properties = LAYER_PROPERTIES[className];
  if (properties === undefined) {
    throw unsupported(`layer ${layer} of class ${className} cannot cross between tfjs and Keras`);
  }
  return properties;
}

/** The configuration of a layer, from tfjs (in snake case) to Keras 3. @throws ModelFileError naming what does not fit. */
export function toKerasLayer(className: string, config: Json): Json {
  const layer = String(config['name']);
  const result: Json = { name: layer, trainable: config['trainable'] ?? true };
  for (const key of propertiesOf(className, layer)) {
    const value = config[key];
    if (value === undefined || value === null) continue;
    checkActivation(layer, key, value);
    const module = moduleOf(key);
    const target = RENAMED[className]?.[key] ?? key;
    if (key === 'layer') result[target] = toKerasObject('keras.layers', value as Json);
    else result[target] = module === undefined ? value : toKerasObject(module, value as Json);
  }
  if (config['activity_regularizer'] !== undefined && config['activity_regularizer'] !== null) {
    throw unsupported(`layer ${layer}: tfjs does not apply its activityRegularizer; leave it away`);
  }
  return result;
}

function toKerasObject(module: string, value: Json): Json {
  const className = String(value['class_name']);
  const config = (value['config'] ?? {}) as Json;
  const own = module === 'keras.layers' ? toKerasLayer(className, config) : config;
  return { module, class_name: className, config: own, registered_name: null };
}

/** The other way round. */
export function fromKerasLayer(className: string, config: Json): Json {
  const layer = String(config['name']);
  const properties = propertiesOf(className, layer);
  checkDtype(layer, config['dtype']);
  const renamed = RENAMED[className] ?? {};
  const known = new Map(properties.map((key) => [renamed[key] ?? key, key]));
  const result: Json = { name: layer, trainable: config['trainable'] ?? true };
  for (const [key, value] of Object.entries(config)) {
    const own = known.get(key);
    if (own !== undefined) {
      checkActivation(layer, own, value);
      result[own] = fromKerasValue(layer, own, value);
    } else if (key === 'backward_layer') {
      checkBackwardLayer(layer, config['layer'] as Json, value as Json);
    } else if (value !== null && !IGNORED.has(key) && KERAS_ONLY[key] !== value) {
      throw unsupported(
        `layer ${layer} of class ${className}: tfjs has no ${key} (here ${JSON.stringify(value)})`,
      );
    }
  }
  return result;
}

/** tfjs makes the layer of the other direction like the first one. */
function checkBackwardLayer(layer: string, forward: Json, backward: Json): void {
  const relevant = ({ class_name: className, config }: Json): string => {
    const { name: _name, go_backwards: _direction, ...rest } = config as Json;
    return JSON.stringify([className, rest], (key, value: unknown) =>
      key === 'shared_object_id' || key === 'seed' ? undefined : value,
    );
  };
  if (backward !== null && relevant(forward) !== relevant(backward)) {
    throw unsupported(`layer ${layer}: its backward_layer differs from its layer, which tfjs has not`);
  }
}

function fromKerasValue(layer: string, key: string, value: unknown): unknown {
  const module = moduleOf(key);
  if (value === null || (module === undefined && key !== 'layer')) return value;
  const { class_name: className, config } = value as { class_name: string; config: Json };
  if (key === 'layer') return { class_name: className, config: fromKerasLayer(className, config) };
  // tfjs has L1 and L2 as one class.
  if (module === 'keras.regularizers' && ['L1', 'L2', 'L1L2'].includes(className)) {
    return { class_name: 'L1L2', config: { l1: config['l1'] ?? 0, l2: config['l2'] ?? 0 } };
  }
  if (module === 'keras.regularizers')
    throw unsupported(`layer ${layer}: tfjs has no regularizer ${className}`);
  return { class_name: className, config };
}

function checkDtype(layer: string, dtype: unknown): void {
  const name =
    typeof dtype === 'object' && dtype !== null ? ((dtype as Json)['config'] as Json)['name'] : dtype;
  if (name !== undefined && name !== 'float32' && name !== 'int32') {
    throw unsupported(`layer ${layer} computes in ${JSON.stringify(name)}; tfjs has float32 only`);
  }
}

/** The name of a layer's class in the paths of a weights file: `MaxPooling2D` -> `max_pooling2d`. */
export function snakeCase(className: string): string {
  return className
    .replaceAll(/\W+/g, '')
    .replaceAll(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

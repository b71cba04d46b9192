import { KERAS_ACTIVATIONS } from '../layers/activations.ts';
import { unsupported } from './errors.ts';
import { refuseForeign } from './keras-origin.ts';
import {
  IGNORED,
  KERAS_ONLY,
  LAYER_PROPERTIES,
  OLD_CLASSES,
  REFUSED_CLASSES,
  RENAMED,
} from './keras-properties.ts';

/** A plain JSON object, as configurations are. */
export type Json = Record<string, unknown>;

/** Properties whose value is a layer, or several. */
const INNER: ReadonlySet<string> = new Set(['layer', 'cell', 'cells']);

function moduleOf(key: string): string | undefined {
  if (key.endsWith('_initializer')) return 'keras.initializers';
  if (key.endsWith('_regularizer')) return 'keras.regularizers';
  if (key.endsWith('_constraint')) return 'keras.constraints';
  return undefined;
}

/** Keras's names of classes that tfjs spells in another way. */
const SPELLED: Readonly<Record<string, string>> = {
  LecunNormal: 'LeCunNormal',
  LecunUniform: 'LeCunUniform',
  OrthogonalInitializer: 'Orthogonal',
  IdentityInitializer: 'Identity',
};

const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  'keras.initializers': new Set([
    'Constant',
    'GlorotNormal',
    'GlorotUniform',
    'HeNormal',
    'HeUniform',
    'Identity',
    'LeCunNormal',
    'LeCunUniform',
    'Ones',
    'Orthogonal',
    'RandomNormal',
    'RandomUniform',
    'TruncatedNormal',
    'VarianceScaling',
    'Zeros',
  ]),
  'keras.regularizers': new Set(['L1', 'L2', 'L1L2']),
  'keras.constraints': new Set(['MaxNorm', 'MinMaxNorm', 'NonNeg', 'UnitNorm']),
};

/** An activation's name in Keras, from tfjs's in snake case. @throws ModelFileError */
function activationToKeras(layer: string, key: string, value: unknown): string {
  const name = String(value);
  if (name === 'keras_hard_sigmoid') return 'hard_sigmoid';
  if (name === 'hard_sigmoid') {
    throw unsupported(
      `layer ${layer}: hard_sigmoid is another function in Keras 3 than in tfjs; build it with ${key === 'recurrent_activation' ? "recurrentActivation: 'sigmoid'" : "activation: 'kerasHardSigmoid'"}`,
    );
  }
  if (name === 'swish') return 'silu';
  if (!(name in KERAS_ACTIVATIONS)) throw unsupported(`layer ${layer}: Keras has no ${key} ${name} by name`);
  return name;
}

function activationFromKeras(layer: string, key: string, value: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== 'string') {
    const { class_name: className } = (value ?? {}) as Json;
    throw unsupported(
      `layer ${layer}: its ${key} is ${typeof className === 'string' ? `a ${className}` : 'no name'}; put an Activation layer after it, or name an activation`,
    );
  }
  // hard_sigmoid in a file of Keras 2 is tfjs's.
  const name = value === 'hardSigmoid' ? value : KERAS_ACTIVATIONS[value];
  if (name === undefined) throw unsupported(`layer ${layer}: there is no ${key} ${value} here`);
  return name;
}

function propertiesOf(className: string, layer: string): readonly string[] {
  const properties = LAYER_PROPERTIES[className];
  if (properties === undefined) {
    const why = REFUSED_CLASSES[className];
    throw unsupported(
      `layer ${layer} of class ${className} cannot be converted between tfjs and Keras${why === undefined ? '' : `: ${why}`}`,
    );
  }
  return properties;
}

/**
 * The configuration of a layer, from tfjs (in snake case) to Keras 3.
 *
 * @param inner writes a layer or a model inside of this one
 * @throws ModelFileError naming what does not fit.
 */
export function toKerasLayer(className: string, config: Json, inner: (part: Json) => Json): Json {
  const layer = String(config['name']);
  if (OLD_CLASSES.has(className)) throw unsupported(`layer ${layer}: Keras 3 has no ${className}`);
  const result: Json = { name: layer };
  if (!UNTRAINABLE.has(className)) result['trainable'] = config['trainable'] ?? true;
  for (const key of propertiesOf(className, layer)) {
    const value = config[key];
    if (value === undefined) continue;
    const target = RENAMED[className]?.[key] ?? key;
    // Keras's defaults are not always "nothing": what is null here is null there.
    if (value === null) {
      if (key === 'merge_mode' || key === 'axis') result[target] = null;
      continue;
    }
    result[target] = toKerasValue(layer, key, value, inner);
  }
  if (config['activity_regularizer'] !== undefined && config['activity_regularizer'] !== null) {
    throw unsupported(`layer ${layer}: tfjs does not apply its activityRegularizer; remove it`);
  }
  return result;
}

/** Layers of Keras that take no argument `trainable`. */
const UNTRAINABLE: ReadonlySet<string> = new Set([
  'SpatialDropout1D',
  'SpatialDropout2D',
  'SpatialDropout3D',
]);

function toKerasValue(layer: string, key: string, value: unknown, inner: (part: Json) => Json): unknown {
  if (key.endsWith('activation')) return activationToKeras(layer, key, value);
  // The length that follows from the others.
  if (key === 'target_shape') return (value as (number | null)[]).map((size) => size ?? -1);
  if (key === 'cells') return (value as Json[]).map((part) => inner(part));
  if (INNER.has(key)) return inner(value as Json);
  const module = moduleOf(key);
  if (module === undefined) return value;
  const { class_name: className, config = {} } = value as { class_name: string; config?: Json };
  return { module, class_name: className.replace(/^LeCun/, 'Lecun'), config, registered_name: null };
}

/**
 * The other way round: a configuration as tfjs has it, in snake case, where `inner` has read the layers inside.
 *
 * @throws ModelFileError naming the layer and its option that does not fit.
 */
export function fromKerasLayer(className: string, config: Json, inner: (part: Json) => unknown): Json {
  const layer = typeof config['name'] === 'string' ? config['name'] : className;
  const properties = propertiesOf(className, layer);
  checkDtype(layer, config['dtype']);
  const renamed = RENAMED[className] ?? {};
  const known = new Map(properties.map((key) => [renamed[key] ?? key, key]));
  const result: Json = { name: layer, trainable: config['trainable'] ?? true };
  for (const [key, value] of Object.entries(config)) {
    const own = known.get(key);
    if (own !== undefined) {
      result[own] = fromKerasValue(layer, own, value, inner);
    } else if (key === 'backward_layer') {
      checkBackwardLayer(layer, config['layer'] as Json, value as Json);
    } else if (value !== null && !IGNORED.has(key) && !isKerasOnly(key, value)) {
      throw unsupported(
        `layer ${layer} of class ${className}: ${key} ${JSON.stringify(shortened(value))} is not supported here`,
      );
    }
  }
  return result;
}

/** Whether a property that tfjs lacks has the value at which both do the same. */
function isKerasOnly(key: string, value: unknown): boolean {
  return key in KERAS_ONLY && JSON.stringify(KERAS_ONLY[key]) === JSON.stringify(value);
}

function shortened(value: unknown): unknown {
  const { class_name: className } = (value ?? {}) as Json;
  return typeof className === 'string' ? className : value;
}

/** tfjs makes the layer of the other direction like the first one. */
function checkBackwardLayer(layer: string, forward: Json, backward: Json): void {
  const relevant = ({ class_name: className, config }: Json, turn: boolean): string => {
    const { name: _name, go_backwards: direction, ...rest } = config as Json;
    return JSON.stringify([className, rest, (direction === true) !== turn], (key, value: unknown) =>
      key === 'shared_object_id' || key === 'seed' || key === 'build_config' ? undefined : value,
    );
  };
  if (backward !== null && relevant(forward, true) !== relevant(backward, false)) {
    throw unsupported(
      `layer ${layer} of class Bidirectional: its backward_layer differs from its layer, which is not supported here`,
    );
  }
}

function fromKerasValue(layer: string, key: string, value: unknown, inner: (part: Json) => unknown): unknown {
  if (key.endsWith('activation')) return activationFromKeras(layer, key, value);
  if (value === null) return null;
  if (key === 'cells') return (value as Json[]).map((part) => inner(part));
  if (INNER.has(key)) return inner(value as Json);
  const module = moduleOf(key);
  if (module === undefined) return plainValue(value);
  return partFromKeras(layer, key, module, value);
}

/** Keras's initializers, regularizers and constraints; a name stands for an object without options. */
function partFromKeras(layer: string, key: string, module: string, value: unknown): Json {
  const { class_name: given, config = {} } =
    typeof value === 'string'
      ? { class_name: pascalCase(value) }
      : (value as { class_name: string; config?: Json });
  refuseForeign(`layer ${layer}: its ${key}`, value);
  const className = SPELLED[given] ?? given;
  if (KNOWN[module]?.has(className) !== true)
    throw unsupported(`layer ${layer}: its ${key} ${given} is not supported here`);
  // tfjs has L1 and L2 as one class.
  if (module === 'keras.regularizers')
    return { class_name: 'L1L2', config: { l1: config['l1'] ?? 0, l2: config['l2'] ?? 0 } };
  const seedless = Object.fromEntries(
    Object.entries(config).filter(([option, set]) => option !== 'seed' || typeof set === 'number'),
  );
  return { class_name: className, config: seedless };
}

function pascalCase(name: string): string {
  return name.replaceAll(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}

/** Arrays of NumPy inside of a configuration are lists here. */
function plainValue(value: unknown): unknown {
  const { class_name: className, config } = (value ?? {}) as { class_name?: unknown; config?: Json };
  return className === '__numpy__' ? config?.['value'] : value;
}

/** A policy of quantization, or one for each part, has no name. */
function checkDtype(layer: string, dtype: unknown): void {
  const { class_name: policy, config } = (dtype ?? {}) as { class_name?: unknown; config?: Json };
  const name = typeof dtype === 'object' && dtype !== null ? (config?.['name'] ?? policy) : dtype;
  if (name !== undefined && name !== null && name !== 'float32' && name !== 'int32') {
    throw unsupported(
      `layer ${layer}: dtype ${JSON.stringify(name)} is not supported here; tfjs has float32 only`,
    );
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

/** A key or a name of Keras in camel case, as tfjs has it. */
export function camelCase(name: string): string {
  return name.replaceAll(/_+(\w|$)/g, (_, letter: string) => letter.toUpperCase());
}

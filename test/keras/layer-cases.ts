/** The cases that make-layer-cases.py wrote, and how a case is loaded, run and written here. */
import type * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { StoredArray } from '../../src/training/model-files/hdf5.ts';
import { buildModel } from '../../src/training/model-files/keras-builder.ts';
import { toKerasConfig } from '../../src/training/model-files/keras-config.ts';
import { setWeightsFrom, weightGroups } from '../../src/training/model-files/keras-weights.ts';

export type Json = Record<string, unknown>;

export interface Summary {
  shape: number[];
  values: number[];
  sum: number;
}

export interface LayerCase {
  /** The layer that the case is about. */
  group: string;
  name: string;
  /** Shape without the batch, and what fills it: see make-layer-cases.py. */
  inputs: [number[], string][];
  config: Json;
  /** Path in the weights file, shape, salt, whether values have to be positive. */
  weights: [string, number[], number, boolean][];
  outputs: Summary[];
  gradients?: (number | null)[];
}

export interface Goldens {
  keras: string;
  /** By class: what Keras writes for options that are not given. */
  defaults: Record<string, Json>;
  /** By class: whether masks go through, or something becomes of them. */
  masking: Record<string, boolean>;
  cases: LayerCase[];
}

export function readGoldens(folder: string): Goldens {
  return JSON.parse(
    gunzipSync(readFileSync(join(folder, 'layer-cases.golden.json.gz'))).toString('utf8'),
  ) as Goldens;
}

export const BATCH = 2;

/** Numbers in -1 to 1, the same as in make-layer-cases.py. */
export function fill(count: number, salt: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    let h = Math.imul(i + salt * 7919, 2654435761) >>> 0;
    h = (h ^ (h >>> 15)) >>> 0;
    h = Math.imul(h, 2246822519) >>> 0;
    h = (h ^ (h >>> 13)) >>> 0;
    return h / 2 ** 31 - 1;
  });
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The inputs of a case. */
export function inputsOf(tfjs: typeof tf, { inputs }: LayerCase): tf.Tensor[] {
  return inputs.map(([shape, kind], index) => {
    const whole = [BATCH, ...shape];
    const values = fill(sizeOf(whole), 60 + index);
    if (kind.startsWith('int:')) {
      const most = Number(kind.slice(4));
      return tfjs.tensor(
        Int32Array.from(values, (value) => Math.floor(((value + 1) / 2) * most)),
        whole,
        'int32',
      );
    }
    if (kind === 'bool') {
      return tfjs.tensor(
        Uint8Array.from(values, (value) => Number(value > Math.fround(-0.3))),
        whole,
        'bool',
      );
    }
    if (kind === 'masked') {
      const [steps = 1] = shape;
      const step = sizeOf(shape) / steps;
      const hide = (sample: number, at: number): void => {
        values.fill(0, (sample * steps + at) * step, (sample * steps + at + 1) * step);
      };
      hide(0, steps - 1);
      hide(1, 0);
      hide(1, steps - 1);
      hide(1, steps - 2);
    }
    return tfjs.tensor(values, whole);
  });
}

/** The stored weights of a case, by path. */
export function weightsOf({ weights }: LayerCase): Map<string, StoredArray> {
  return new Map(
    weights.map(([path, shape, salt, positive]) => {
      const values = fill(sizeOf(shape), salt).map((value) =>
        positive ? Math.fround(Math.abs(Math.fround(value * 0.5)) + 0.5) : value * 0.5,
      );
      return [path, { shape, values }];
    }),
  );
}

/** The model of a case as `loadModel` makes it. */
export function loadCase(tfjs: typeof tf, layerCase: LayerCase): tf.LayersModel {
  const model = buildModel(tfjs, structuredClone(layerCase.config), 'case');
  setWeightsFrom(tfjs, model, weightsOf(layerCase), 'case');
  return model;
}

/** At most 12 of a tensor's numbers, and a sum over all of them, as in make-layer-cases.py. */
function summary(tensor: tf.Tensor): Summary {
  const values = [...tensor.dataSync()].map(Number);
  const step = Math.max(1, Math.floor(values.length / 12));
  const weights = fill(values.length, 99);
  return {
    shape: tensor.shape,
    values: values.filter((_, index) => index % step === 0).slice(0, 12),
    sum: values.reduce((sum, value, index) => sum + value * (weights[index] as number), 0),
  };
}

export function near(actual: number, expected: number, tolerance: number): boolean {
  return Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));
}

/** How what was computed differs from Keras; undefined where it does not. */
export function difference(outputs: tf.Tensor[], expected: readonly Summary[]): string | undefined {
  if (outputs.length !== expected.length) return `${outputs.length} outputs, not ${expected.length}`;
  for (const [index, output] of outputs.entries()) {
    const { shape, values, sum } = expected[index] as Summary;
    const found = summary(output);
    if (found.shape.join() !== shape.join()) return `shape [${found.shape.join()}], not [${shape.join()}]`;
    const worst = found.values.findIndex((value, at) => !near(value, values[at] as number, 1e-5));
    if (worst >= 0) return `output ${index}: ${found.values[worst]}, not ${values[worst]}`;
    if (!near(found.sum, sum, 1e-5 * Math.max(1, Math.sqrt(sizeOf(shape)))))
      return `output ${index}: a sum of ${found.sum}, not ${sum}`;
  }
  return undefined;
}

export function outputsOf(model: tf.LayersModel, inputs: tf.Tensor[]): tf.Tensor[] {
  const made = model.predict(inputs.length === 1 ? (inputs[0] as tf.Tensor) : inputs, { batchSize: BATCH });
  return Array.isArray(made) ? made : [made];
}

/** How what we write differs from what Keras wrote; undefined where both mean the same. */
export async function writtenDifference(
  model: tf.LayersModel,
  layerCase: LayerCase,
  defaults: Goldens['defaults'],
): Promise<string | undefined> {
  const ours = JSON.stringify(normalized(toKerasConfig(model), defaults), null, 1);
  const theirs = JSON.stringify(normalized(structuredClone(layerCase.config), defaults), null, 1);
  if (ours !== theirs) {
    const lines = theirs.split('\n');
    const at = ours.split('\n').findIndex((line, index) => line !== lines[index]);
    return `the configuration has${ours
      .split('\n')
      .slice(Math.max(0, at - 2), at + 1)
      .join('')}, not${lines.slice(Math.max(0, at - 2), at + 1).join('')}`;
  }
  const written = new Map<string, StoredArray>();
  for (const [group, { arrays }] of await weightGroups(model))
    for (const [index, array] of arrays.entries()) written.set(`${group}/${index}`, array);
  for (const [path, { shape, values }] of weightsOf(layerCase)) {
    const found = written.get(path);
    if (found === undefined) return `no weight ${path} is written, only ${[...written.keys()].join(', ')}`;
    if (found.shape.join() !== shape.join())
      return `${path} has shape [${found.shape.join()}], not [${shape.join()}]`;
    const same = values.every((value, index) => value === found.values[index]);
    if (!same) return `${path} has other values`;
  }
  return undefined;
}

/** Keys of no consequence to what a model computes. */
const UNIMPORTANT = new Set([
  'backward_layer',
  'batch_input_shape',
  'build_config',
  'build_input_shape',
  'compile_config',
  'dtype',
  'implementation',
  'input_length',
  'lora_alpha',
  'lora_rank',
  'module',
  'optional',
  'quantization_config',
  'ragged',
  'registered_name',
  'renorm_momentum',
  'seed',
  'shared_object_id',
  'sparse',
  'synchronized',
]);

const SCALING: Readonly<Record<string, Json>> = {
  GlorotNormal: { scale: 1, mode: 'fan_avg', distribution: 'truncated_normal' },
  GlorotUniform: { scale: 1, mode: 'fan_avg', distribution: 'uniform' },
  HeNormal: { scale: 2, mode: 'fan_in', distribution: 'truncated_normal' },
  HeUniform: { scale: 2, mode: 'fan_in', distribution: 'uniform' },
  LecunNormal: { scale: 1, mode: 'fan_in', distribution: 'truncated_normal' },
  LecunUniform: { scale: 1, mode: 'fan_in', distribution: 'uniform' },
};

const ALIASES: Readonly<Record<string, string>> = { swish: 'silu', hard_swish: 'hard_silu' };

/** A configuration in one form of several that mean the same. */
function normalized(value: unknown, defaults: Goldens['defaults'], key = ''): unknown {
  if (key.endsWith('activation')) return ALIASES[value as string] ?? value ?? 'linear';
  if (typeof value === 'number') return Number(value.toPrecision(5));
  if (key === 'input_layers' || key === 'output_layers') return references(value);
  if (key === 'inbound_nodes') return (value as unknown[]).map((node) => callReferences(node));
  // Ops that make masks: each library makes them anew.
  if (key === 'layers') value = (value as Json[]).filter((part) => !isOp(part));
  if (Array.isArray(value)) return value.map((item) => normalized(item, defaults));
  if (typeof value !== 'object' || value === null) return value;
  const given = value as Json;
  const className = given['class_name'] as string | undefined;
  if (className === '__numpy__') return normalized((given['config'] as Json)['value'], defaults);
  if (className !== undefined && SCALING[className] !== undefined)
    return { class_name: 'VarianceScaling', config: sorted(SCALING[className]) };
  if (className === 'L1' || className === 'L2' || className === 'L1L2') {
    const { l1 = 0, l2 = 0 } = given['config'] as { l1?: number; l2?: number };
    return { class_name: 'L1L2', config: { l1: Number(l1.toPrecision(5)), l2: Number(l2.toPrecision(5)) } };
  }
  if (className === 'VarianceScaling') {
    const config = given['config'] as Json;
    const distribution = config['distribution'] === 'normal' ? 'truncated_normal' : config['distribution'];
    return { class_name: className, config: sorted({ ...config, distribution, seed: undefined }) };
  }
  const whole =
    className === undefined
      ? given
      : { ...given, config: { ...defaults[className], ...(given['config'] as Json) } };
  return sorted(
    Object.fromEntries(
      Object.entries(whole)
        .filter(([inner]) => !UNIMPORTANT.has(inner))
        .map(([inner, item]) => [inner, normalized(item, defaults, inner)]),
    ),
  );
}

function sorted(value: Json): Json {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function isOp({ module }: Json): boolean {
  return typeof module === 'string' && module.startsWith('keras.src.ops');
}

function callReferences(node: unknown): unknown[] {
  const { args, kwargs } = node as { args: unknown; kwargs: Json };
  const causal = kwargs['use_causal_mask'] === true ? ['causal'] : [];
  return [...references([args, { ...kwargs, mask: null }]), ...causal];
}

/** Layer, call and output of every tensor in a structure, in order. */
function references(value: unknown): unknown[] {
  if (Array.isArray(value)) {
    if (typeof value[0] === 'string' && typeof value[1] === 'number') return [value.slice(0, 3).join('/')];
    return value.flatMap((item) => references(item));
  }
  if (typeof value !== 'object' || value === null) return [];
  const { keras_history: history } = value as Json;
  if (history !== undefined) return references(history);
  return Object.values(value as Json).flatMap((item) => references(item));
}

import type { LayersModel, SymbolicTensor, Tensor, layers } from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTf } from '../../src/api/tensorflow.ts';

/** Cases of trainings with what Keras 3 made of them: `keras/training.py` writes them. */

type Json = Record<string, unknown>;

interface Values {
  kind: 'float' | 'unit' | 'index' | 'onehot';
  /** Without the samples. */
  shape: number[];
  salt: number;
  scale?: number;
  classes?: number;
  from?: number;
  dtype?: 'float32' | 'int32';
  hidden?: { side: 'left' | 'right'; value: number; from?: number; all?: number };
}

interface ModelSpec {
  inputs: Record<string, number[]>;
  layers: [name: string, className: string, config: Json, source: string | string[]][];
  outputs: string[];
}

export interface Expected {
  predict: number[][];
  evaluate?: Record<string, number>;
  fit?: Record<string, number[]>;
  train?: Record<string, number>;
}

export interface Case {
  name: string;
  model: ModelSpec;
  x: Values[];
  y?: Values[];
  sampleWeight?: Values[];
  classWeight?: Record<string, number>;
  loss?: unknown;
  lossWeights?: number[] | Record<string, number>;
  metrics?: unknown;
  frozen?: string[];
  thawed?: string[];
  scale?: number;
  rate?: number;
  expected: Expected;
}

const { samples, batch, cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'keras', 'training.golden.json'), 'utf8'),
) as { samples: number; batch: number; cases: Case[] };
export { cases };

const tf = loadTf();

export function bits(count: number, salt: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => {
    let h = Math.imul(i + salt * 7919, 2654435761) >>> 0;
    h = (h ^ (h >>> 15)) >>> 0;
    h = Math.imul(h, 2246822519) >>> 0;
    return (h ^ (h >>> 13)) >>> 0;
  });
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const isHidden = ({ side, from = 0, all }: NonNullable<Values['hidden']>, sample: number, steps: number) => {
  const count = all === sample ? steps : Math.min((sample + from) % steps, steps - 1);
  return (step: number) => (side === 'left' ? step < count : step >= steps - count);
};

function valuesOf(spec: Values): Tensor {
  const { kind, classes = 2, scale = 1, dtype = 'float32', hidden } = spec;
  const shape = [samples, ...spec.shape];
  const raw = Array.from(bits(product(shape), spec.salt));
  let numbers: number[];
  if (kind === 'float')
    numbers = raw.map((h) => Math.fround(Math.fround(h / 2 ** 31 - 1) * Math.fround(scale)));
  else if (kind === 'unit')
    numbers = raw.map((h) => Math.fround(Math.fround(h / 2 ** 32) * Math.fround(scale)));
  else if (kind === 'index') numbers = raw.map((h) => (h % classes) + (spec.from ?? 0));
  else {
    shape.push(classes);
    numbers = raw.flatMap((h) => Array.from({ length: classes }, (_, i) => (h % classes === i ? 1 : 0)));
  }
  if (hidden !== undefined) {
    const [, steps = 1, ...rest] = shape;
    const width = product(rest);
    numbers = numbers.map((value, i) => {
      const step = Math.floor(i / width);
      return isHidden(hidden, Math.floor(step / steps), steps)(step % steps) ? hidden.value : value;
    });
  }
  return tf.tensor(numbers, shape, dtype);
}

const camel = (text: string) => text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Options of Keras as tfjs has them, with the defaults of Keras where those are others. */
function options(className: string, config: Json): Json {
  const given: Json = {};
  for (const [key, value] of Object.entries(config)) {
    if (key === 'layer') {
      const [inner, innerConfig] = value as [string, Json];
      given['layer'] = layerOf(undefined, inner, innerConfig);
    } else if (key.endsWith('_regularizer')) {
      given[camel(key)] = tf.regularizers.l2((value as { config: { l2: number } }).config);
    } else if (key === 'kernel_constraint') {
      const { class_name: name, config: own } = value as { class_name: string; config: Json };
      const args = Object.fromEntries(Object.entries(own).map(([one, number]) => [camel(one), number]));
      const make = `${name.charAt(0).toLowerCase()}${name.slice(1)}` as 'maxNorm';
      given[camel(key)] = tf.constraints[make](args);
    } else given[key === 'negative_slope' ? 'alpha' : camel(key)] = value;
  }
  if (className === 'LSTM' || className === 'GRU') given['recurrentActivation'] = 'sigmoid';
  if (className === 'GRU') given['resetAfter'] ??= true;
  return given;
}

function layerOf(name: string | undefined, className: string, config: Json): layers.Layer {
  if (className === 'Model') return modelOf(config['model'] as ModelSpec, name);
  const known: Record<string, string> = { ReLU: 'reLU', LeakyReLU: 'leakyReLU', ELU: 'elu', PReLU: 'prelu' };
  const recurrent: Record<string, string> = { SimpleRNN: 'simpleRNN', LSTM: 'lstm', GRU: 'gru' };
  const method =
    known[className] ??
    recurrent[className] ??
    `${className.charAt(0).toLowerCase()}${className.slice(1)}`.replace(/1D$/, '1d');
  const factory = (tf.layers as unknown as Record<string, (args: object) => layers.Layer>)[method];
  if (factory === undefined) throw new Error(`tfjs has no ${method}`);
  return factory({ ...options(className, config), ...(name === undefined ? {} : { name }) });
}

function modelOf(spec: ModelSpec, name?: string): LayersModel {
  const tensors = new Map<string, SymbolicTensor>();
  for (const [key, shape] of Object.entries(spec.inputs)) tensors.set(key, tf.input({ shape }));
  const inputs = [...tensors.values()];
  const made = new Map<string, layers.Layer>();
  const tensor = (key: string) => tensors.get(key) as SymbolicTensor;
  for (const [key, className, config, source] of spec.layers) {
    if (className !== 'again') made.set(key, layerOf(key, className, config));
    const layer = made.get(className === 'again' ? String(config['of']) : key) as layers.Layer;
    tensors.set(
      key,
      layer.apply(Array.isArray(source) ? source.map(tensor) : tensor(source)) as SymbolicTensor,
    );
  }
  return tf.model({ inputs, outputs: spec.outputs.map(tensor), ...(name === undefined ? {} : { name }) });
}

const find = (model: LayersModel, path: string) =>
  path
    .split('/')
    .reduce<layers.Layer>(
      (found, name) => (found as LayersModel).getLayer(name),
      model as unknown as layers.Layer,
    );

/** Layers with weights in Keras' order: each once, as they were made. */
function weightLayers(spec: ModelSpec, model: LayersModel): layers.Layer[] {
  return spec.layers.flatMap(([name, className, config]) => {
    if (className === 'again') return [];
    const layer = model.getLayer(name);
    return className === 'Model' ? weightLayers(config['model'] as ModelSpec, layer as LayersModel) : [layer];
  });
}

function setWeights(spec: ModelSpec, model: LayersModel, scale: number): void {
  let index = 0;
  for (const layer of weightLayers(spec, model)) {
    layer.setWeights(
      layer.weights.map((weight) => {
        const raw = Array.from(bits(product(weight.shape as number[]), 10 + index++));
        const variance = weight.name.includes('moving_variance');
        const numbers = raw.map((h) =>
          variance
            ? Math.fround(Math.fround(h / 2 ** 32) + 0.5)
            : Math.fround(Math.fround(h / 2 ** 31 - 1) * Math.fround(scale)),
        );
        return tf.tensor(numbers, weight.shape as number[]);
      }),
    );
  }
}

const single = <T>(list: T[]): T | T[] => (list.length === 1 ? (list[0] as T) : list);
const listOf = <T>(one: T | T[]): T[] => (Array.isArray(one) ? one : [one]);
const scalars = (tensors: Tensor | Tensor[]) => listOf(tensors).map((one) => one.dataSync()[0] as number);

/** The model of a case, with its weights and what is frozen. */
function caseModel(one: Case): LayersModel {
  const model = modelOf(one.model);
  setWeights(one.model, model, one.scale ?? 0.5);
  for (const path of one.frozen ?? []) (path === '' ? model : find(model, path)).trainable = false;
  for (const path of one.thawed ?? []) find(model, path).trainable = true;
  return model;
}

const caseInputs = (one: Case) => single(one.x.map(valuesOf));

/** tfjs's names are Keras', but for accuracy. */
const named = (labels: readonly string[], values: readonly number[]) =>
  Object.fromEntries(
    labels.map((label, i) => [label.replace(/(^|_)acc$/, '$1accuracy'), values[i] as number]),
  );

/** Our results for a case. @param how tensors, or batches of a data set where the case has no weights. */
export async function runCase(one: Case, how: 'tensors' | 'dataset'): Promise<Expected> {
  const model = caseModel(one);
  const x = caseInputs(one);
  const predict = () =>
    listOf(model.predict(x, { batchSize: batch })).map((output) => Array.from(output.dataSync()));
  if (one.loss === undefined) return { predict: predict() };
  const y = single((one.y ?? []).map(valuesOf));
  const sampleWeight = one.sampleWeight === undefined ? undefined : single(one.sampleWeight.map(valuesOf));
  model.compile({
    optimizer: tf.train.sgd(one.rate ?? 0.1),
    loss: one.loss as string,
    metrics: one.metrics as string[],
    ...(one.lossWeights && { lossWeights: one.lossWeights }),
  });
  const labels = model.metricsNames;
  const weighted = { sampleWeight } as object;
  const dataset = () => batches(x, y);
  const evaluated =
    how === 'tensors'
      ? model.evaluate(x, y, { batchSize: batch, ...weighted })
      : await model.evaluateDataset(dataset(), {});
  const validation = sampleWeight === undefined ? [x, y] : [x, y, sampleWeight];
  const common = { epochs: 2, verbose: 0 as never, ...(one.classWeight && { classWeight: one.classWeight }) };
  const { history } =
    how === 'tensors'
      ? await model.fit(x, y, {
          ...common,
          batchSize: batch,
          shuffle: false,
          validationData: validation as never,
          ...weighted,
        })
      : await model.fitDataset(dataset(), {
          ...common,
          validationData: dataset(),
        });
  const step = model.trainOnBatch(x, y, weighted);
  const trained = named(labels, listOf(await step));
  return {
    evaluate: named(labels, scalars(evaluated)),
    fit: Object.fromEntries(
      Object.entries(history).map(([label, values]) => [
        label.replace(/(^|_)acc$/, '$1accuracy'),
        values as number[],
      ]),
    ),
    train: Object.fromEntries(Object.entries(trained).filter(([label]) => label.includes('loss'))),
    predict: predict(),
  };
}

/** Batches of tensors that each pull makes anew, as tfjs disposes them. */
function batches(x: Tensor | Tensor[], y: Tensor | Tensor[]) {
  const cut = (all: Tensor | Tensor[], from: number) =>
    single(
      listOf(all).map((one) =>
        tf.slice(
          one,
          [from, ...one.shape.slice(1).map(() => 0)],
          [Math.min(batch, samples - from), ...one.shape.slice(1)],
        ),
      ),
    );
  return tf.data.generator(function* generate() {
    for (let from = 0; from < samples; from += batch) yield { xs: cut(x, from), ys: cut(y, from) } as never;
  });
}

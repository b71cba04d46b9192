/** Python code, precisions and quantization in files of Keras: refused by name, also where a class is called as one of Keras's. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTf } from '../../src/api/tensorflow.ts';
import { ModelFileError } from '../../src/training/index.ts';
import { buildModel } from '../../src/training/model-files/keras-builder.ts';
import { compileFromKeras } from '../../src/training/model-files/keras-compile.ts';

type Json = Record<string, unknown>;
const tf = loadTf();

const keras = (module: string, className: string, config: Json): Json => ({
  module: `keras.${module}`,
  class_name: className,
  config,
  registered_name: null,
});
const dense = (more: Json = {}): Json =>
  keras('layers', 'Dense', { name: 'dense', units: 2, activation: 'linear', ...more });

function model(layer: Json): Tf.LayersModel {
  const input = keras('layers', 'InputLayer', { name: 'x', batch_shape: [null, 3], dtype: 'float32' });
  return buildModel(tf, { class_name: 'Sequential', config: { name: 'model', layers: [input, layer] } }, 'f');
}

/** How Keras stores objects that are not its own, as changes to how it stores its own. */
const FOREIGN: Record<string, [(className: string) => Json, (className: string) => string]> = {
  'of a notebook': [(name) => ({ module: null, registered_name: name }), (name) => name],
  registered: [(name) => ({ module: null, registered_name: `Custom>${name}` }), (name) => `Custom>${name}`],
  'of a module': [(name) => ({ module: 'my_code.parts', registered_name: name }), (name) => name],
  'of a package whose name begins with keras': [
    (name) => ({ module: 'keras_hub.src.parts', registered_name: `keras_hub>${name}` }),
    (name) => `keras_hub>${name}`,
  ],
  'of a module without a name': [
    (name) => ({ module: 'parts', registered_name: null, class_name: name }),
    (name) => `parts.${name}`,
  ],
};

/** By what is stored: its class, and a model in which `change` is made to it. */
const PLACES: Record<string, [string, (change: Json) => Json]> = {
  'a layer': ['Dense', (change) => ({ ...dense(), ...change })],
  'a layer of each step': [
    'Dense',
    (change) => keras('layers', 'TimeDistributed', { name: 'each', layer: { ...dense(), ...change } }),
  ],
  'a model inside': [
    'Sequential',
    (change) => ({
      ...keras('', 'Sequential', { name: 'inner', layers: [dense()] }),
      module: 'keras',
      ...change,
    }),
  ],
  'an initializer': [
    'Zeros',
    (change) => dense({ kernel_initializer: { ...keras('initializers', 'Zeros', {}), ...change } }),
  ],
  'a regularizer': [
    'L2',
    (change) => dense({ kernel_regularizer: { ...keras('regularizers', 'L2', { l2: 0.1 }), ...change } }),
  ],
  'a constraint': [
    'NonNeg',
    (change) => dense({ kernel_constraint: { ...keras('constraints', 'NonNeg', {}), ...change } }),
  ],
};

for (const [where, [className, place]] of Object.entries(PLACES)) {
  test(`${where} that is Python code is refused, although it is called ${className}`, () => {
    if (where !== 'a layer of each step' && where !== 'a model inside') model(place({}));
    for (const [what, [change, name]] of Object.entries(FOREIGN)) {
      assert.throws(
        () => model(place(change(className))),
        (error) =>
          error instanceof ModelFileError &&
          error.message.includes(`${name(className)} is Python code, which is not supported here`),
        what,
      );
    }
  });
}

test('losses, metrics and optimizers that are Python code are named, and never taken for those of Keras', async () => {
  const own = {
    optimizer: keras('optimizers', 'Adam', { learning_rate: 0.1 }),
    loss: keras('losses', 'MeanSquaredError', {}),
    metrics: [keras('metrics', 'MeanAbsoluteError', {})],
  };
  const compiled = model(dense());
  assert.equal(await compileFromKeras(tf, compiled, own, undefined), undefined);
  assert.deepEqual(compiled.metricsNames, ['loss', 'meanAbsoluteError']);
  for (const [what, [change, name]] of Object.entries(FOREIGN)) {
    const foreign = (part: Json): Json => ({ ...part, ...change(part['class_name'] as string) });
    const said = async (more: Json): Promise<string> =>
      (await compileFromKeras(tf, model(dense()), { ...own, ...more }, undefined)) ?? '';
    for (const [key, part] of [
      ['optimizer', own.optimizer],
      ['loss', own.loss],
    ] as const) {
      const text = await said({ [key]: foreign(part) });
      assert.ok(
        text.includes(`its ${key} ${name(part['class_name'] as string)} is Python code; compile`),
        what + text,
      );
    }
    const [metric] = own.metrics;
    assert.match(
      await said({ metrics: [foreign(metric as Json)] }),
      /MeanAbsoluteError is Python code: it is left out/,
    );
  }
});

/** The dtype of a layer as Keras writes it. */
const PRECISIONS: Record<string, [unknown, string]> = {
  float16: ['float16', 'float16'],
  float64: [keras('', 'DTypePolicy', { name: 'float64' }), 'float64'],
  'mixed precision': [keras('', 'DTypePolicy', { name: 'mixed_float16' }), 'mixed_float16'],
  'mixed precision of Keras 2': [
    { class_name: 'Policy', config: { name: 'mixed_bfloat16' } },
    'mixed_bfloat16',
  ],
  int8: [keras('', 'QuantizedDTypePolicy', { mode: 'int8', source_name: 'float32' }), 'QuantizedDTypePolicy'],
  int4: [keras('', 'Int4DTypePolicy', { mode: 'int4/128', source_name: 'float32' }), 'Int4DTypePolicy'],
  float8: [
    keras('', 'QuantizedFloat8DTypePolicy', { mode: 'float8', source_name: 'float32' }),
    'QuantizedFloat8DTypePolicy',
  ],
  'one for each part': [
    keras('', 'DTypePolicyMap', { default_policy: 'float32', policy_map: {} }),
    'DTypePolicyMap',
  ],
};
for (const [what, [dtype, name]] of Object.entries(PRECISIONS)) {
  test(`a precision that tfjs lacks is refused: ${what}`, () => {
    assert.throws(() => model(dense({ dtype })), {
      name: 'ModelFileError',
      message: `layer dense: dtype "${name}" is not supported here; tfjs has float32 only`,
    });
  });
}

test('a quantization is refused by the name of its option', () => {
  const quantization = keras('quantizers', 'Int8QuantizationConfig', {});
  assert.throws(() => model(dense({ quantization_config: quantization })), {
    message: 'layer dense of class Dense: quantization_config "Int8QuantizationConfig" is not supported here',
  });
  model(dense({ quantization_config: null, dtype: keras('', 'DTypePolicy', { name: 'float32' }) }));
});

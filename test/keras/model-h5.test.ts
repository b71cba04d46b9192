/** Models of Keras 2 and 3 in one HDF5 file; make-h5-cases.py made the reference. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type * as Tf from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadModel, progressMode, saveModel, saveWeights } from '../../src/training/index.ts';
import {
  difference,
  fill,
  inputsOf as caseInputs,
  loadCase,
  near,
  outputsOf,
  readGoldens,
  sizeOf,
} from './layer-cases.ts';

const tf = loadTf();
progressMode('quiet');
const here = join(import.meta.dirname, 'h5');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-h5-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  inputs: [number[], string][];
  /** Whether the last two steps of the first sample are 0. */
  hidden: boolean;
  output: number[];
  /** How many weights Keras trains after it has loaded the file, where layers are frozen. */
  trained?: number;
}
const answers = JSON.parse(readFileSync(join(here, 'answers.golden.json'), 'utf8')) as Record<string, Answer>;

function inputsOf({ inputs, hidden }: Answer): Tf.Tensor[] {
  return inputs.map(([shape, kind], index) => {
    const values = fill(sizeOf(shape), 60 + index);
    if (kind === 'int')
      return tf.tensor(
        Int32Array.from(values, (value) => Math.floor(((value + 1) / 2) * 9)),
        shape,
        'int32',
      );
    const [, steps = 1, width = 1] = shape;
    if (hidden) values.fill(0, (steps - 2) * width, steps * width);
    return tf.tensor(values, shape);
  });
}

function check(model: Tf.LayersModel, answer: Answer): void {
  const [output] = outputsOf(model, inputsOf(answer));
  const found = [...(output as Tf.Tensor).dataSync()];
  assert.equal(found.length, answer.output.length);
  for (const [index, value] of answer.output.entries())
    assert.ok(near(found[index] as number, value, 1e-5), `${index}: ${found[index]}, not ${value}`);
}

for (const [name, answer] of Object.entries(answers)) {
  test(`${name}.h5 gives Keras's answers`, async () => {
    const model = await loadModel(join(here, `${name}.golden.h5`));
    check(model, answer);
    if (answer.trained !== undefined) assert.equal(model.trainableWeights.length, answer.trained);
  });
}

test('ops that make masks are known without the module, which H5 files do not name', () => {
  const withoutModules = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((each) => withoutModules(each));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).filter(
      ([key, each]) => key !== 'module' || !String(each).startsWith('keras.src.ops'),
    );
    return Object.fromEntries(entries.map(([key, each]) => [key, withoutModules(each)]));
  };
  const classes = new Set<string>();
  for (const layerCase of readGoldens(import.meta.dirname).cases) {
    const ops = (
      (
        layerCase.config['config'] as {
          layers: { module?: string; class_name: string }[];
        }
      ).layers ?? []
    ).filter(({ module }) => module?.startsWith('keras.src.ops') === true);
    if (ops.length === 0 || layerCase.group !== 'models' || layerCase.name.endsWith('two blocks')) continue;
    for (const op of ops) classes.add(op.class_name);
    const config = withoutModules(layerCase.config) as typeof layerCase.config;
    const model = loadCase(tf, { ...layerCase, config });
    const outputs = outputsOf(model, caseInputs(tf, layerCase));
    assert.equal(difference(outputs, layerCase.outputs), undefined, layerCase.name);
  }
  assert.ok(classes.has('NotEqual') && classes.has('LogicalOr'), [...classes].join());
});

test('a compiled model of an H5 file is compiled here', async () => {
  const model = await loadModel(join(here, 'keras2-convolutional.golden.h5'));
  assert.equal(model.optimizer.getClassName(), 'Adam');
  assert.equal(model.loss, 'categoricalCrossentropy');
  const uncompiled = await loadModel(join(here, 'keras2-convolutional.golden.h5'), { compile: false });
  assert.equal((uncompiled as { optimizer?: unknown }).optimizer, undefined);
});

test('a model of an H5 file is written as .keras, but for what Keras 3 computes in another way', async () => {
  const answer = answers['keras2-outer'] as Answer;
  const path = join(folder, 'outer.keras');
  await saveModel(await loadModel(join(here, 'keras2-outer.golden.h5')), path);
  check(await loadModel(path), answer);
  const recurrent = await loadModel(join(here, 'keras2-recurrent.golden.h5'));
  await assert.rejects(saveModel(recurrent, join(folder, 'recurrent.keras')), {
    code: 'TENSORCELL_MODEL_UNSUPPORTED',
    message: /hard_sigmoid is another function in Keras 3/,
  });
});

test('an H5 file without a model, or damaged, is told apart', async () => {
  const model = tf.sequential({
    layers: [tf.layers.dense({ inputShape: [2], units: 1 })],
  });
  const weights = join(folder, 'only.weights.h5');
  await saveWeights(model, weights);
  await assert.rejects(loadModel(weights), {
    code: 'TENSORCELL_MODEL_FORMAT',
    message: /only\.weights\.h5 holds only weights: build the model and pass both to loadWeights/,
  });
  const renamed = join(folder, 'renamed.h5');
  writeFileSync(renamed, readFileSync(weights));
  await assert.rejects(loadModel(renamed), {
    message: /holds no model, only weights/,
  });
  writeFileSync(renamed, 'hello');
  await assert.rejects(loadModel(renamed), {
    code: 'TENSORCELL_MODEL_FORMAT',
    message: /is not an HDF5 file/,
  });
  const whole = readFileSync(join(here, 'keras2-masked.golden.h5'));
  writeFileSync(renamed, whole.subarray(0, whole.length - 3000));
  await assert.rejects(loadModel(renamed), { code: 'TENSORCELL_MODEL_FORMAT' });
});

/** Compiled training of each layer with default options, against Keras; make-layer-training.py made the reference. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type * as Tf from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/tensorflow/compile/models.ts';
import { loadTf } from '../../src/tensorflow/index.ts';
import { progressMode } from '../../src/training/index.ts';
import { BATCH, fill, inputsOf, loadCase, near, readGoldens, sizeOf } from './layer-cases.ts';

const tf = loadTf();
progressMode('quiet');
const { cases } = readGoldens(import.meta.dirname);
const training = JSON.parse(
  readFileSync(join(import.meta.dirname, 'layer-training.golden.json'), 'utf8'),
) as Record<string, number[]>;

const chosen = cases.filter(({ name }) => training[name] !== undefined);

test('the reference is about many layers', () => {
  assert.ok(chosen.length > 50);
});

for (const layerCase of chosen) {
  test(`four compiled steps of training equal those of Keras: ${layerCase.name}`, async () => {
    const model = loadCase(tf, layerCase);
    model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
    const inputs = inputsOf(tf, layerCase);
    const x = inputs.length === 1 ? (inputs[0] as Tf.Tensor) : inputs;
    const shape = [BATCH, ...(model.outputs[0] as Tf.SymbolicTensor).shape.slice(1)] as number[];
    const y = tf.tensor(fill(sizeOf(shape), 70), shape);
    const losses: number[] = [];
    for (let step = 0; step < 4; step++) losses.push((await model.trainOnBatch(x, y)) as number);
    assert.equal(trainingSteps(model)?.steps().length, 1, 'it was not compiled');
    for (const [index, expected] of (training[layerCase.name] as number[]).entries())
      assert.ok(
        near(losses[index] as number, expected, 2e-5),
        `loss ${index} is ${losses[index]}, not ${expected}`,
      );
  });
}

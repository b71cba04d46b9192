import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const L = tf.layers;
const values = (tensor: Tensor) => Array.from(tensor.dataSync());

/** Two branches of the same kind: one whose series have gaps that are masked, and one that has no mask. */
function branches() {
  const [gaps, whole] = [tf.input({ shape: [4, 3] }), tf.input({ shape: [4, 3] })];
  const masked = L.lstm({ units: 3 }).apply(L.masking({ maskValue: 0 }).apply(gaps)) as SymbolicTensor;
  const plain = L.lstm({ units: 3 }).apply(whole) as SymbolicTensor;
  return {
    both: tf.model({ inputs: [gaps, whole], outputs: [masked, plain] }),
    maskedAlone: tf.model({ inputs: gaps, outputs: masked }),
    plainAlone: tf.model({ inputs: whole, outputs: plain }),
  };
}

const data = (seed: number) => {
  const kept = tf.tensor3d([1, 1, 0, 0, 1, 0, 1, 1], [2, 4, 1]);
  return [
    tf.randomNormal([2, 4, 3], 0, 1, 'float32', seed).mul(kept),
    tf.randomNormal([2, 4, 3], 0, 1, 'float32', seed + 1),
  ];
};

for (const mode of ['off', 'on'] as const) {
  test(`a mask stays in its branch, ${mode === 'on' ? 'compiled' : 'eager'}`, () => {
    process.env['TENSORCELL_COMPILE'] = mode;
    const { both, maskedAlone, plainAlone } = branches();
    const [gaps, whole] = data(1) as [Tensor, Tensor];
    for (let i = 0; i < 3; i++) {
      const [masked, plain] = both.predict([gaps, whole]) as [Tensor, Tensor];
      assert.deepEqual(values(masked), values(maskedAlone.predict(gaps) as Tensor));
      assert.deepEqual(values(plain), values(plainAlone.predict(whole) as Tensor));
      // And the mask does something: with the gaps as numbers the result is another one.
      assert.notDeepEqual(values(plainAlone.predict(gaps) as Tensor), values(plain));
    }
  });
}

test('branches with and without mask train the same compiled and eagerly', async () => {
  const train = async (mode: 'on' | 'off') => {
    process.env['TENSORCELL_COMPILE'] = mode;
    setRandomSeed(3);
    const model: LayersModel = branches().both;
    model.compile({ optimizer: tf.train.adam(0.01, 0.9, 0.999, 1e-3), loss: 'meanSquaredError' });
    const losses: number[] = [];
    for (let step = 0; step < 6; step++) {
      const y = [tf.ones([2, 3]), tf.zeros([2, 3])];
      losses.push(...((await model.trainOnBatch(data(10 * step + 1), y)) as number[]));
    }
    const steps = trainingSteps(model)?.steps().length ?? 0;
    return { numbers: [...losses, ...model.getWeights().flatMap(values)], steps };
  };
  const expected = await train('off');
  const actual = await train('on');
  assert.deepEqual([expected.steps, actual.steps], [0, 1]);
  actual.numbers.forEach((value, i) => {
    const wanted = expected.numbers[i] as number;
    assert.ok(
      Math.abs(value - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)),
      `${i}: ${value}, not ${wanted}`,
    );
  });
});

// Arguments that layers refuse, by name; and that our layers leave tfjs's other classes of the same name alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as tfjs from '@tensorflow/tfjs';
import { layers as ours } from '../../src/api/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();

/** Convolutions by name: how many dimensions their input has, batch and channels included. */
const convolutions: Record<string, [number, object]> = {
  conv1d: [3, {}],
  conv2d: [4, {}],
  conv3d: [5, {}],
  'conv2d with groups': [4, { groups: 2 }],
  conv1dTranspose: [3, {}],
  conv2dTranspose: [4, {}],
  conv3dTranspose: [5, {}],
  separableConv1d: [3, {}],
  separableConv2d: [4, {}],
  depthwiseConv1d: [3, {}],
  depthwiseConv2d: [4, {}],
};

type Make = (args: object) => tfjs.layers.Layer;

function maker(name: string): Make {
  const [key = ''] = name.split(' ');
  return ((ours as unknown as Record<string, Make>)[key] ??
    (tf.layers as unknown as Record<string, Make>)[key]) as Make;
}

for (const [name, [rank, options]] of Object.entries(convolutions)) {
  test(`${name} refuses inputs of other ranks and channels, by its name`, () => {
    const make = (): tfjs.layers.Layer =>
      maker(name)({ filters: 2, kernelSize: 1, name: 'slides', ...options });
    for (const wrong of [rank - 1, rank + 1]) {
      const message = new RegExp(
        `layer slides: .*(should have rank ${rank}\\. Received|expected ndim=${rank}, found)`,
      );
      const shape = Array.from({ length: wrong }, () => 2);
      assert.throws(() => make().apply(tf.ones(shape)), message);
      assert.throws(() => make().apply(tf.input({ shape: shape.slice(1) })), message);
    }
    const known = Array.from({ length: rank - 2 }, () => 4);
    assert.throws(
      () => make().apply(tf.input({ shape: [...known, null] })),
      /layer slides: the channel dimension of its input should be defined/,
    );
    const layer = make();
    layer.apply(tf.ones([1, ...known, 2]));
    // Built for two channels: it refuses others, and goes on.
    assert.throws(() => layer.apply(tf.ones([1, ...known, 4])), /slides.* axis .*2/s);
    assert.throws(() => layer.apply(tf.ones([1, ...known])), /slides.* ndim=/s);
    assert.equal((layer.apply(tf.ones([1, ...known, 2])) as tfjs.Tensor).rank, rank);
  });
}

for (const kind of ['initializer', 'regularizer', 'constraint'] as const) {
  const option = `kernel${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
  test(`${option} refuses an object of another kind, and takes a name`, () => {
    const make = (given: unknown) => ours.multiHeadAttention({ numHeads: 1, keyDim: 2, [option]: given });
    assert.throws(() => make(tf.train.sgd(0.1)), {
      name: 'TypeError',
      message: new RegExp(
        `^SGD is not an? ${kind}: give one of tf\\.${kind}s, its name or its configuration$`,
      ),
    });
    const named = { initializer: 'zeros', regularizer: 'l1l2', constraint: 'nonNeg' }[kind];
    const output = make(named).apply(tf.ones([1, 3, 2])) as tfjs.Tensor;
    assert.deepEqual(output.shape, [1, 3, 2]);
  });
}

test('a convolution writes its groups where there are several: readers of tfjs know none', () => {
  for (const name of ['conv1d', 'conv2d', 'conv3d']) {
    const groups = (args: object): unknown =>
      maker(name)({ filters: 4, kernelSize: 1, ...args }).getConfig()['groups'];
    assert.deepEqual([{}, { groups: 1 }, { groups: 2 }].map(groups), [undefined, undefined, 2]);
  }
});

for (const name of ['dot', 'subtract']) {
  test(`${name} refuses other than two inputs`, () => {
    const make = (): tfjs.layers.Layer => maker(name)({ axes: -1, name: 'pair' });
    const x = tf.ones([2, 3]);
    const exactly = /pair: (Dot|Subtract) should be called on a list of exactly 2 inputs, not on (one|1|3)$/;
    const symbolic = tf.input({ shape: [3] });
    for (const inputs of [[x], x, [x, x, x], [symbolic], symbolic, [symbolic, symbolic, symbolic]]) {
      assert.throws(() => make().apply(inputs), exactly);
    }
    const built = make();
    built.apply([x, x]);
    assert.throws(() => built.apply([x, x, x]), exactly);
    assert.throws(() => built.apply([x]), /exactly 2 inputs|at least 2 inputs/);
  });
}

for (const [name, make] of [
  ['layerNormalization', (axis: number[]) => tf.layers.layerNormalization({ axis, name: 'twice' })],
  ['unitNormalization', (axis: number[]) => ours.unitNormalization({ axis, name: 'twice' })],
  ['rmsNormalization', (axis: number[]) => ours.rmsNormalization({ axis, name: 'twice' })],
] as const) {
  test(`${name} refuses an axis that is given twice`, () => {
    assert.throws(
      () => make([-1, 2]).apply(tf.ones([2, 2, 3])),
      /layer twice: axis is \[-1,2\], which has duplicate axes for an input of 3 dimensions/,
    );
  });
}

test('the initializer `identity` is not the layer of that name', async () => {
  const eye = (layer: tfjs.layers.Layer, gain: number): void => {
    const [kernel] = layer.getWeights();
    assert.deepEqual(kernel?.arraySync(), [
      [gain, 0],
      [0, gain],
    ]);
  };
  const initializers = ['identity', tf.initializers.identity({ gain: 3 })];
  for (const [at, kernelInitializer] of initializers.entries()) {
    const model = tf.sequential({
      layers: [
        ours.identity({ inputShape: [2], name: 'passes' }),
        tf.layers.dense({ units: 2, kernelInitializer }),
      ],
    });
    eye(model.layers[1] as tfjs.layers.Layer, at === 0 ? 1 : 3);
    const again = await tf.models.modelFromJSON(model.toJSON(null, false) as unknown as tfjs.io.ModelJSON);
    assert.deepEqual(
      again.layers.map((layer) => layer.getClassName()).filter((name) => name !== 'InputLayer'),
      ['Identity', 'Dense'],
    );
    eye(again.layers.at(-1) as tfjs.layers.Layer, at === 0 ? 1 : 3);
    const x = tf.tensor2d([[1, -2]]);
    const [y, z] = [model, again].map((one) => [...(one.predict(x) as tfjs.Tensor).dataSync()]);
    assert.deepEqual(y, z);
  }
  assert.throws(
    () =>
      tf.layers.dense({ units: 2, inputShape: [3], kernelInitializer: 'identity' }).apply(tf.ones([1, 3])),
    /square/,
  );
});

test('every class of a name keeps its kind', () => {
  const map = tf.serialization.SerializationMap.getMap().classNameMap;
  for (const kind of ['initializers', 'regularizers', 'constraints'] as const) {
    for (const [name, make] of Object.entries(tf[kind] as Record<string, (args?: object) => unknown>)) {
      if (name === 'l1' || name === 'l2') continue;
      const part = make({ gain: 1, value: 1, scale: 1, mode: 'fanIn', distribution: 'normal' });
      const className = (part as tfjs.serialization.Serializable).getClassName();
      const [registered] = map[className] ?? [];
      assert.ok(registered !== undefined && part instanceof registered, `${kind}.${name}`);
    }
  }
});

test('functions that make layers have their names', () => {
  const unnamed = Object.entries(tf.layers)
    .filter(([, make]) => typeof make === 'function' && (make as { name: string }).name === '')
    .map(([name]) => name);
  assert.deepEqual(unnamed, []);
});

test('training leaves nothing behind in a kernel or a custom gradient, as tfjs checks in its test mode', async () => {
  tf.env().set('IS_TEST', true);
  const compiling = process.env['TENSORCELL_COMPILE'];
  try {
    for (const mode of ['off', undefined]) {
      if (mode === undefined) delete process.env['TENSORCELL_COMPILE'];
      else process.env['TENSORCELL_COMPILE'] = mode;
      const x = tf.randomNormal([4, 3]);
      const losses = {
        categoricalCrossentropy: tf.oneHot([0, 1, 2, 0], 3).toFloat(),
        sparseCategoricalCrossentropy: tf.tensor1d([0, 1, 2, 0]),
        binaryCrossentropy: tf.oneHot([0, 1, 2, 0], 3).toFloat(),
      };
      for (const [loss, y] of Object.entries(losses)) {
        const model = tf.sequential({
          layers: [
            tf.layers.dense({ units: 3, inputShape: [3], activation: 'selu' }),
            tf.layers.layerNormalization(),
            tf.layers.batchNormalization(),
            tf.layers.dense({ units: 3, activation: loss.startsWith('binary') ? 'sigmoid' : 'softmax' }),
          ],
        });
        model.compile({ optimizer: 'sgd', loss });
        await model.fit(x, y, { epochs: 1, shuffle: false });
        const before = tf.memory().numTensors;
        await model.fit(x, y, { epochs: 2, shuffle: false });
        assert.equal(tf.memory().numTensors, before, `${loss}, ${mode ?? 'compiled'}`);
      }
    }
    tf.logSoftmax(tf.tensor2d([[1, 2]], [1, 2], 'int32')).dispose();
  } finally {
    tf.env().set('IS_TEST', false);
    if (compiling !== undefined) process.env['TENSORCELL_COMPILE'] = compiling;
  }
});

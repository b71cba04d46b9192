import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Scalar, Tensor } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { optimizedOps } from '../../src/engines/tensorflow/graph/optimized-graph.ts';
import { SharedFunctions } from '../../src/compile/execution/shared-functions.ts';
import { compile, loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';
import { nativeBinding } from './native-binding.ts';

const tf = loadTf();
const { engine } = tensorflowBackend() as NodeBackend;
const binding = nativeBinding();

/** The smallest model of the benchmark: its step is mostly the cost of many small ops. */
function mlp(): LayersModel {
  const { dense } = tf.layers;
  const model = tf.sequential({
    layers: [
      dense({ units: 128, activation: 'relu', inputShape: [64] }),
      dense({ units: 128, activation: 'relu' }),
      dense({ units: 10, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  return model;
}

function batch(scale = 1): { x: Tensor; y: Tensor } {
  const classes = tf.tensor1d(
    Array.from({ length: 32 }, (_, i) => (i * 7) % 10),
    'int32',
  );
  return {
    x: tf.mul(tf.randomUniform([32, 64], -1, 1, 'float32', 5), scale),
    y: tf.oneHot(classes, 10).cast('float32'),
  };
}

test('a small step has few ops', async () => {
  const model = mlp();
  const { x, y } = batch();
  // TensorFlow optimizes a function when it runs first: that of an equal model may have run.
  SharedFunctions.of(engine).clear();
  const inner = (model as unknown as { model: { makeTrainFunction(): (data: Tensor[]) => Tensor[] } }).model;
  const graphs = optimizedOps(binding, () => {
    inner.makeTrainFunction()([x, y]);
  });
  const step = graphs.find((graph) => graph.has('ResourceApplyAdam')) as Map<string, number>;
  const count = (...names: string[]) => names.reduce((sum, name) => sum + (step.get(name) ?? 0), 0);
  const fixed = ['_Arg', '_Retval', 'Const', 'ReadVariableOp'];
  const total = [...step.values()].reduce((sum, calls) => sum + calls, 0);
  // 3 products there and 5 back, 3 sums for biases, 2 activations back; 6 updates, 2 of powers and 3 of what is scratch;
  // softmax and loss 8, accuracy 5, the loss's backward pass 9, the check of the loss 7 of which one does not run.
  assert.ok(total - count(...fixed) <= 58, `${total - count(...fixed)} ops: ${JSON.stringify([...step])}`);
  assert.equal(count('ResourceApplyAdamWithAmsgrad'), 3);
  assert.equal(count('ResourceApplyAdam'), 3);
  // Ops that cost other threads, for 320 numbers.
  assert.equal(count('_MklSoftmax', 'Softmax'), 0);
});

/** Losses and weights of some steps. */
async function train(
  compiled: boolean,
  scale: number,
  steps: number,
): Promise<{ losses: number[]; weights: number[] }> {
  process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
  try {
    setRandomSeed(3);
    const model = mlp();
    const { x, y } = batch(scale);
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) losses.push(((await model.trainOnBatch(x, y)) as number[])[0] as number);
    const weights = model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
    model.dispose();
    return { losses, weights };
  } finally {
    delete process.env['TENSORCELL_COMPILE'];
  }
}

// At the larger scale most of the first probabilities are 0 or 1 in float32; Adam's division magnifies the rounding of each
// step, which later steps square.
for (const [scale, steps] of [
  [1, 10],
  [100, 5],
] as const) {
  test(`${steps} compiled steps of it are ${steps} eager ones, inputs times ${scale}`, async () => {
    const expected = await train(false, scale, steps);
    const actual = await train(true, scale, steps);
    const worst = (a: number[], b: number[], floor: number) =>
      Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number)) / Math.max(floor, Math.abs(value))));
    assert.ok(
      worst(expected.losses, actual.losses, 1e-3) < 2e-5,
      `${expected.losses.join()} against ${actual.losses.join()}`,
    );
    assert.ok(worst(expected.weights, actual.weights, 1) < 2e-5);
  });
}

test('batch and time are exchanged without other threads, with the same values and gradients', () => {
  for (const shape of [
    [4, 3, 5],
    [64, 20, 16],
    [3, 2, 2, 7],
  ]) {
    const x = tf.randomUniform(shape, -1, 1, 'float32', 9);
    const order = shape.map((_, i) => (i < 2 ? 1 - i : i));
    const plain = (value: Tensor) => {
      const gradient = tf.grad((v: Tensor) => {
        const turned = tf.transpose(v, order);
        return tf.mul(turned, tf.square(turned)).sum<Scalar>();
      })(value);
      return [tf.transpose(value, order), gradient];
    };
    const expected = plain(x).map((tensor) => [tensor.shape, Array.from(tensor.dataSync())]);
    const compiled = compile(plain);
    const runs = Array.from({ length: 3 }, () => {
      let actual: unknown;
      const graphs = optimizedOps(binding, () => {
        actual = compiled(x).map((tensor) => [tensor.shape, Array.from(tensor.dataSync())]);
      });
      return { actual, ops: new Set(graphs.flatMap((graph) => [...graph.keys()])) };
    });
    for (const { actual } of runs) assert.deepEqual(actual, expected);
    assert.equal(compiled.traces, 1);
    const ops = new Set(runs.flatMap((run) => [...run.ops]));
    assert.ok(ops.has('GatherV2') && !ops.has('Transpose') && !ops.has('_MklTranspose'), [...ops].join());
  }
});

test('cross-entropy in a graph has the gradient of the composed form, also where it is clipped', () => {
  const logits = tf.tensor2d([
    [0, 0.5, -1],
    [40, 0, 0],
    [-40, 0, 3],
    [0, 17, 0.1],
    [20, -2, 4],
  ]);
  const targets = tf.tensor2d([
    [1, 0, 0],
    [1, 0, 0],
    [1, 0, 0],
    [0.2, 0.3, 0.5],
    [0, 0, 2],
  ]);
  const loss = (z: Tensor) => tf.metrics.categoricalCrossentropy(targets, tf.softmax(z)).sum<Scalar>();
  const plain = (z: Tensor) => tf.valueAndGrad(loss)(z);
  const values = ({ value, grad }: { value: Tensor; grad: Tensor }) => [
    ...value.dataSync(),
    ...grad.dataSync(),
  ];
  const expected = values(plain(logits));
  const compiled = compile(plain);
  for (let run = 0; run < 3; run++) {
    const actual = values(compiled(logits));
    actual.forEach((value, i) => {
      const wanted = expected[i] as number;
      assert.ok(Math.abs(value - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)), `${i}: ${value} ${wanted}`);
    });
  }
  assert.equal(compiled.traces, 1);
  // Of the probabilities themselves it is another one, which the graph gives as well.
  const probabilities = tf.softmax(tf.tensor2d([[0.1, 0.2, 0.3]]));
  const direct = (p: Tensor) =>
    tf.grad((q: Tensor) => tf.metrics.categoricalCrossentropy(tf.tensor2d([[0, 1, 0]]), q).sum<Scalar>())(p);
  const alone = compile((z: Tensor) => direct(tf.softmax(z)));
  const wanted = Array.from(direct(probabilities).dataSync());
  for (let run = 0; run < 3; run++) {
    Array.from(alone(tf.tensor2d([[0.1, 0.2, 0.3]])).dataSync()).forEach((value, i) => {
      assert.ok(Math.abs(value - (wanted[i] as number)) < 1e-5);
    });
  }
});

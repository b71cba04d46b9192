// After tensorcell.setRandomSeed everything without a separate seed repeats: in graphs, eagerly, and in JavaScript.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Tensor, TensorContainer, data } from '@tensorflow/tfjs';
import { datasets } from '../../src/data/index.ts';
import { loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';

const tf = loadTf();

/** tfjs's enumeration, which it does not export. */
const QUIET = 0 as never;

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-seed-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const table = join(folder, 'table.csv');
writeFileSync(table, `x,y\n${Array.from({ length: 50 }, (_, i) => `${i},${i % 3}`).join('\n')}\n`);
process.env['TENSORCELL_PROGRESS'] = 'quiet';

const numbers = (tensor: Tensor): number[] => Array.from(tensor.dataSync());

function network() {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 6, inputShape: [3], activation: 'tanh' }),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 1, kernelInitializer: 'orthogonal' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  return model;
}

const x = tf.tensor2d(
  Array.from({ length: 120 }, (_, i) => Math.sin(i)),
  [40, 3],
);
const y = x.sum<Tensor>(1, true);

async function trained(compile: 'on' | 'off'): Promise<number[]> {
  process.env['TENSORCELL_COMPILE'] = compile;
  try {
    const model = network();
    // A rest of a batch, and validation, which are drawn for too.
    const { history } = await model.fit(x, y, {
      epochs: 3,
      batchSize: 7,
      validationSplit: 0.2,
      verbose: QUIET,
    });
    const weights = model.getWeights().flatMap((weight) => numbers(weight));
    return [...(history['loss'] as number[]), ...(history['val_loss'] as number[]), ...weights];
  } finally {
    delete process.env['TENSORCELL_COMPILE'];
  }
}

async function all(dataset: data.Dataset<TensorContainer>): Promise<number[]> {
  const seen: number[] = [];
  await dataset.forEachAsync((element) => void seen.push(element as unknown as number));
  return seen;
}

const counting = Array.from({ length: 30 }, (_, i) => i);

const SOURCES: Record<string, () => number[] | Promise<number[]>> = {
  'tf.randomUniform': () => numbers(tf.randomUniform([20])),
  'tf.randomUniform of integers': () => numbers(tf.randomUniform([20], 0, 1000, 'int32')),
  'tf.randomUniformInt': () => numbers(tf.randomUniformInt([20], 0, 1000)),
  'tf.randomUniform of truth values': () => numbers(tf.randomUniform([60], 0, 2, 'bool')),
  'tf.randomNormal': () => numbers(tf.randomNormal([20])),
  'tf.randomStandardNormal': () => numbers(tf.randomStandardNormal([20])),
  'tf.truncatedNormal': () => numbers(tf.truncatedNormal([20])),
  'tf.randomGamma': () => numbers(tf.randomGamma([20], 2)),
  'tf.multinomial': () => numbers(tf.multinomial(tf.zeros([40]) as never, 40)),
  'tf.multinomial, twice': () => [0, 1].flatMap(() => numbers(tf.multinomial(tf.zeros([40]) as never, 20))),
  'tf.dropout': () => numbers(tf.dropout(tf.ones([40]), 0.5)),
  'tf.util.shuffle': () => {
    const list = [...counting];
    tf.util.shuffle(list);
    return list;
  },
  'tf.util.shuffleCombo': () => {
    const [one, other] = [[...counting], [...counting]];
    tf.util.shuffleCombo(one, other);
    assert.deepEqual(one, other);
    return one;
  },
  'tf.data, shuffled twice': async () => {
    const dataset = tf.data.array(counting).shuffle(30) as data.Dataset<TensorContainer>;
    return [...(await all(dataset)), ...(await all(dataset))];
  },
  'the order of a data set in files': async () => {
    const seen: number[] = [];
    for await (const { xs } of (await datasets.csv(table, { label: 'y' })).shuffle())
      seen.push(...numbers(xs as Tensor));
    return seen;
  },
  'initializers of weights': () =>
    network()
      .getWeights()
      .flatMap((weight) => numbers(weight)),
  'fit, compiled': () => trained('on'),
  'fit, eagerly': () => trained('off'),
};

for (const [name, draw] of Object.entries(SOURCES)) {
  test(`${name}: the same after the same seed, another after another, and without a new seed`, async () => {
    const after = async (seed: number) => {
      setRandomSeed(seed);
      return draw();
    };
    const first = await after(7);
    const unseeded = await draw();
    const again = await after(7);
    const other = await after(8);
    assert.ok(first.length > 0 && first.every((value) => Number.isFinite(value)));
    assert.deepEqual(again, first);
    assert.notDeepEqual(other, first);
    assert.notDeepEqual(unseeded, first);
  });
}

test('fit shuffles in the same order compiled and eagerly', async () => {
  setRandomSeed(5);
  const compiled = await trained('on');
  setRandomSeed(5);
  const eager = await trained('off');
  assert.equal(compiled.length, eager.length);
  for (const [i, value] of compiled.entries()) {
    assert.ok(Math.abs(value - (eager[i] ?? NaN)) <= 1e-5 * Math.max(1, Math.abs(value)), `${i}: ${value}`);
  }
});

test('the losses of an epoch do not depend on how many steps a call has, which measured times decide', async () => {
  const wide = tf.tidy(() => x.tile([8, 1]));
  const sums = wide.sum<Tensor>(1, true);
  const results: string[] = [];
  for (const stepsPerExecution of [2, 3, 7, 16, undefined]) {
    for (const kind of ['fit', 'fitDataset'] as const) {
      setRandomSeed(11);
      const model = network();
      const options = { epochs: 3, ...(stepsPerExecution === undefined ? {} : { stepsPerExecution }) };
      const { history } =
        kind === 'fit'
          ? await model.fit(wide, sums, { ...options, batchSize: 4, shuffle: false })
          : await model.fitDataset(
              tf.data.zip({ xs: tf.data.array(rows(wide)), ys: tf.data.array(rows(sums)) }).batch(4),
              options,
            );
      results.push(JSON.stringify(history['loss']));
    }
  }
  assert.deepEqual(new Set(results).size, 1, results.join('\n'));
});

function rows(tensor: Tensor): number[][] {
  return tensor.arraySync() as number[][];
}

/** Callbacks that write files. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as tensorcell from '../../src/training/index.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

tf.env().set('IS_TEST', true);
tensorcell.installTraining(tf);
tensorcell.progressMode('quiet');

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-checkpoints-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const python = fileURLToPath(new URL('../../.cache/keras/bin/python', import.meta.url));

function model(): Tf.Sequential {
  const made = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 3, activation: 'tanh', kernelInitializer: 'ones' }),
      tf.layers.dense({ units: 1, kernelInitializer: 'ones' }),
    ],
  });
  made.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  return made;
}

const x = tf.tensor2d([0, 0, 0, 1, 1, 0, 1, 1], [4, 2]);
const y = tf.tensor2d([0, 1, 1, 0], [4, 1]);

function weights(of: Tf.LayersModel): number[] {
  return of.getWeights().flatMap((weight) => [...weight.dataSync()]);
}

test('ModelCheckpoint saves every epoch, or only what is better', async () => {
  const losses = [3, 2, 2.5, 1, 4];
  const run = async (name: string, options: tensorcell.ModelCheckpointOptions): Promise<string[]> => {
    const checkpoint = new tensorcell.ModelCheckpoint(
      join(folder, name, '{epoch:02d}-{val_loss:.1f}.keras'),
      options,
    );
    checkpoint.setModel(model());
    for (const [epoch, loss] of losses.entries()) {
      await checkpoint.onEpochBegin(epoch);
      await checkpoint.onEpochEnd(epoch, { val_loss: loss });
    }
    return readdirSync(join(folder, name)).sort();
  };
  assert.deepEqual(await run('every', {}), [
    '01-3.0.keras',
    '02-2.0.keras',
    '03-2.5.keras',
    '04-1.0.keras',
    '05-4.0.keras',
  ]);
  assert.deepEqual(await run('best', { saveBestOnly: true }), [
    '01-3.0.keras',
    '02-2.0.keras',
    '04-1.0.keras',
  ]);
  assert.deepEqual(await run('most', { saveBestOnly: true, mode: 'max' }), ['01-3.0.keras', '05-4.0.keras']);
  assert.deepEqual(await run('from', { saveBestOnly: true, initialValueThreshold: 2 }), ['04-1.0.keras']);
});

test('ModelCheckpoint saves the model as the user has it, after so many batches', async () => {
  const trained = model();
  await trained.fit(x, y, {
    epochs: 3,
    batchSize: 2,
    callbacks: [
      new tensorcell.ModelCheckpoint(join(folder, 'batches', '{epoch}-{batch}.keras'), { saveFreq: 5 }),
      new tensorcell.ModelCheckpoint(join(folder, 'last.keras')),
      new tensorcell.ModelCheckpoint(join(folder, 'last.weights.h5'), { saveWeightsOnly: true }),
    ],
  });
  assert.deepEqual(readdirSync(join(folder, 'batches')), ['3-1.keras']);
  const again = await tensorcell.loadModel(join(folder, 'last.keras'));
  assert.equal(again.getClassName(), 'Sequential');
  assert.deepEqual(weights(again), weights(trained));
  assert.throws(
    () => new tensorcell.ModelCheckpoint('x.keras', { saveWeightsOnly: true }),
    /must end with \.weights\.h5/,
  );
});

test('BackupAndRestore: a training that broke off ends as one that did not', async () => {
  const whole = model();
  await whole.fit(x, y, { epochs: 6, batchSize: 2, shuffle: false });
  const backup = join(folder, 'backup');
  const broken = model();
  await assert.rejects(
    broken.fit(x, y, {
      epochs: 6,
      batchSize: 2,
      shuffle: false,
      callbacks: [
        new tensorcell.BackupAndRestore(backup),
        {
          onBatchEnd: (batch: number) => {
            if (batch === 1 && existsSync(join(backup, 'training_metadata.json'))) {
              const { epoch } = JSON.parse(readFileSync(join(backup, 'training_metadata.json'), 'utf8')) as {
                epoch: number;
              };
              if (epoch === 3) throw new Error('power cut');
            }
          },
        },
      ] as Tf.CustomCallbackArgs[],
    }),
    /power cut/,
  );
  const resumed = model();
  const history = await resumed.fit(x, y, {
    epochs: 6,
    batchSize: 2,
    shuffle: false,
    callbacks: [new tensorcell.BackupAndRestore(backup)],
  });
  assert.deepEqual(history.epoch, [3, 4, 5]);
  assert.deepEqual(weights(resumed), weights(whole));
  assert.equal(existsSync(backup), false);
});

test('TensorBoard reads the event files', async (t) => {
  const logs = join(folder, 'logs');
  const history = await model().fit(x, y, {
    epochs: 2,
    batchSize: 2,
    validationData: [x, y],
    callbacks: [new tensorcell.TensorBoard(logs, { updateFreq: 'batch' })],
  });
  assert.deepEqual(readdirSync(logs).sort(), ['train', 'validation']);
  if (!existsSync(python)) {
    t.diagnostic('TensorFlow was not asked: make an environment with tensorflow in .cache/keras');
    return;
  }
  const program = `
import glob, json, sys
from tensorflow.compat.v1.train import summary_iterator
out = []
for run in ("train", "validation"):
    for file in glob.glob(sys.argv[1] + "/" + run + "/*tfevents*"):
        for event in summary_iterator(file):
            out += [[run, event.step, v.tag, v.simple_value] for v in event.summary.value]
print("ANSWER" + json.dumps(out))
`;
  const output = execFileSync(python, ['-c', program, logs], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const events = JSON.parse(/^ANSWER(.*)$/m.exec(output)?.[1] ?? '') as [string, number, string, number][];
  const float = (metric: string, epoch: number): number =>
    Math.fround(history.history[metric]?.[epoch] as number);
  assert.deepEqual(
    events.filter(([, , tag]) => tag.startsWith('epoch_')),
    [
      ['train', 0, 'epoch_loss', float('loss', 0)],
      ['train', 1, 'epoch_loss', float('loss', 1)],
      ['validation', 0, 'epoch_loss', float('val_loss', 0)],
      ['validation', 1, 'epoch_loss', float('val_loss', 1)],
    ],
  );
  assert.deepEqual(
    events.filter(([, , tag]) => tag === 'batch_loss').map(([, step]) => step),
    [1, 2, 3, 4],
  );
});

/**
 * npm run bench -- data
 *
 * The cost of reading in a training. The same model learns from tensors that are there, and from pictures that threads decode
 * meanwhile; the difference is how long the device waited.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Tf from '@tensorflow/tfjs';
import { workerCount } from '../../../src/data/pipeline/workers.ts';
import { encodePng } from '../../../src/display/png.ts';
import { datasets, progressMode } from '../../../src/api/index.ts';
import type { FileDataset } from '../../../src/api/index.ts';
import { loadTf } from '../../../src/api/tensorflow.ts';

const COUNT = 2000;
const SIDE = 64;
const BATCH = 64;
const ROUNDS = 3;

const tf = loadTf();
progressMode('quiet');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-bench-data-'));

/** Pictures with some structure, so that they pack as photographs do, in two folders. */
function makePictures(): void {
  for (let index = 0; index < COUNT; index++) {
    const name = index % 2 === 0 ? 'even' : 'odd';
    mkdirSync(join(folder, name), { recursive: true });
    const pixels = new Uint8Array(SIDE * SIDE * 3);
    for (let at = 0; at < pixels.length; at++) {
      pixels[at] = (at * (1 + (index % 7)) + ((at * 7919 + index * 104729) % 61)) & 255;
    }
    writeFileSync(join(folder, name, `${index}.png`), encodePng(SIDE, SIDE, 3, pixels));
  }
}

function makeModel(): Tf.Sequential {
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [SIDE, SIDE, 3],
        filters: 16,
        kernelSize: 3,
        strides: 2,
        activation: 'relu',
      }),
      tf.layers.conv2d({ filters: 32, kernelSize: 3, strides: 2, activation: 'relu' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 2, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  return model;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function read(dataset: FileDataset): Promise<void> {
  for await (const batch of dataset) tf.dispose(batch);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

try {
  makePictures();
  const pictures = (await datasets.images(folder)).batch(BATCH);
  const cached = pictures.cache();
  await read(cached);
  const { xs, ys } = (await pictures.load()) as { xs: Tf.Tensor; ys: Tf.Tensor };
  const model = makeModel();
  const ways: Record<string, () => Promise<unknown>> = {
    'read and decode, nothing else': () => read(pictures),
    'read from the cache, nothing else': () => read(cached),
    'train from tensors': () => model.fit(xs, ys, { epochs: 1, batchSize: BATCH, shuffle: false }),
    'train from files, decoded meanwhile': () => model.fitDataset(pictures, { epochs: 1 }),
    'train from files, cached': () => model.fitDataset(cached, { epochs: 1 }),
  };
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  // Alternating, so that what else the machine does hits all of them; the first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, work] of Object.entries(ways)) {
      const time = await seconds(work);
      if (round > 0) times.get(name)?.push(time);
    }
  }
  console.log(
    `${COUNT} images of ${SIDE} × ${SIDE}, batches of ${BATCH}, ${workerCount()} threads; medians of ${ROUNDS}:`,
  );
  for (const [name, list] of times) {
    const time = median(list);
    console.log(
      `${name.padEnd(38)} ${time.toFixed(2)} s per epoch, ${Math.round(COUNT / time)} images per second`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

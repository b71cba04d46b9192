/**
 * npm run bench -- datasets [--rounds N]
 *
 * Milliseconds a step where a training takes its batches from a data set: `fitDataset` from arrays in files, which
 * threads read meanwhile, from a generator of ready batches, and from tf.data's pipeline of single examples; next to
 * them `fit` on tensors, tfjs's own eager loop of `fitDataset`, and Keras' `fit` on a tf.data pipeline in memory. The same
 * data and networks as in the bench of trainings, taking turns; medians over the rounds.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { datasets, progressMode } from '../../../src/api/index.ts';
import { loadTf, traceable } from '../../../src/api/tensorflow.ts';
import { figure, median, table } from '../statistics.ts';
import { data, networkOf, rows, type Row } from '../train/models.ts';
import { Peer } from '../train/peer.ts';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(options.rounds);
const tf = loadTf();
progressMode('quiet');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-bench-datasets-'));

/** NumPy's format, version 1. */
function writeArray(name: string, tensor: Tensor): string {
  const file = join(folder, `${name}.npy`);
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tensor.shape.join(', ')}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.from(`\x93NUMPY\x01\x00  ${header}`, 'latin1');
  head.writeUInt16LE(header.length, 8);
  const values = tensor.dataSync();
  writeFileSync(
    file,
    Buffer.concat([head, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]),
  );
  return file;
}

type Way = (epochs: number) => Promise<unknown>;

async function ways(row: Row): Promise<Record<string, { mode: 'on' | 'off'; share: number; run: Way }>> {
  const { x, y } = data(tf, row);
  const model = (): LayersModel => {
    const made = row.build(tf, traceable);
    made.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    return made;
  };
  const files = (
    await datasets.arrays({ xs: writeArray(`${row.name}-x`, x), ys: writeArray(`${row.name}-y`, y) })
  ).batch(row.batch);
  const shapes = { xs: [row.batch, ...row.input], ys: [row.batch, row.classes] };
  const sizes = { xs: row.batch * row.input.reduce((a, b) => a * b, 1), ys: row.batch * row.classes };
  const numbers = { xs: x.dataSync(), ys: y.dataSync() };
  const part = (name: 'xs' | 'ys', i: number) =>
    tf.tensor(numbers[name].slice(i * sizes[name], (i + 1) * sizes[name]), shapes[name]);
  const ready = tf.data.generator(function* batches() {
    for (let i = 0; i < row.steps; i++) yield { xs: part('xs', i), ys: part('ys', i) };
  });
  const single = tf.data
    .zip({ xs: tf.data.array(x.unstack()), ys: tf.data.array(y.unstack()) })
    .batch(row.batch) as typeof ready;
  const [a, b, c, d, e] = Array.from({ length: 5 }, model) as [
    LayersModel,
    LayersModel,
    LayersModel,
    LayersModel,
    LayersModel,
  ];
  const verbose = 0 as never;
  const compiled = { mode: 'on', share: 1 } as const;
  return {
    'fit, tensors': {
      ...compiled,
      run: async (epochs) => a.fit(x, y, { epochs, batchSize: row.batch, shuffle: false, verbose }),
    },
    files: { ...compiled, run: async (epochs) => b.fitDataset(files, { epochs, verbose }) },
    generator: { ...compiled, run: async (epochs) => c.fitDataset(ready, { epochs, verbose }) },
    examples: { mode: 'on', share: 4, run: async (epochs) => d.fitDataset(single, { epochs, verbose }) },
    eager: { mode: 'off', share: 8, run: async (epochs) => e.fitDataset(ready, { epochs, verbose }) },
  };
}

const python = join(process.cwd(), '.cache', 'bench', 'train', 'bin', 'python');
const script = join(process.cwd(), 'test', 'bench', 'datasets', 'peer_keras_data.py');
const keras = await Peer.start(python, [script]);
if (typeof keras === 'string')
  console.log(`absent: Keras (${keras}; \`npm run bench -- train\` installs it)`);
else console.log(keras.about);

let columns: string[] = [];
const lines: string[][] = [];
try {
  for (const row of rows.filter(({ name }) => name === 'mlp' || name === 'cnn')) {
    const all = await ways(row);
    const times = new Map<string, number[]>();
    const note = (who: string, ms: number) => times.set(who, [...(times.get(who) ?? []), ms]);
    const epochs = row.name === 'mlp' ? 8 : 4;
    for (let round = 0; round <= rounds; round++) {
      for (const [name, { mode, share, run }] of Object.entries(all)) {
        process.env['TENSORCELL_COMPILE'] = mode;
        const count = Math.max(1, Math.round(epochs / share));
        if (round === 0) await run(2);
        const begin = performance.now();
        await run(count);
        if (round > 0) note(name, (performance.now() - begin) / (count * row.steps));
      }
      if (typeof keras === 'string') continue;
      const { ms, failed } = await keras.ask({
        ...networkOf(row, 'default', ''),
        ask: 'train',
        count: epochs,
      });
      if (ms === undefined) throw new Error(failed);
      if (round > 0) note('Keras', ms);
    }
    columns = [...times.keys()];
    lines.push([
      `${row.name}, batch ${row.batch}`,
      ...columns.map((name) => figure(median(times.get(name) ?? []))),
    ]);
  }
  console.log(table([['ms a step', ...columns], ...lines]));
} finally {
  if (typeof keras !== 'string') keras.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

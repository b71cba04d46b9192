/**
 * npm run bench -- train [--rounds N] [--only mlp,cnn] [--python PATH]
 *
 * Milliseconds a step of `model.fit` with Adam, categorical cross-entropy and accuracy: us compiled, us op by op, and,
 * where the Python that is named has it, Keras 3 (jit_compile off and on). All take turns in every round on the same
 * machine with the same batch; printed are medians over the rounds, and each peer's ratio to us.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { describeBackend, loadTf } from '../../../src/tensorflow/index.ts';
import { figure, median, table } from '../statistics.ts';
import { rows, type Row } from './models.ts';
import { PythonPeer } from './python-peer.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    python: { type: 'string', default: 'python3' },
  },
});
const rounds = Number(options.rounds);
const only = options.only.split(',').filter((name) => name !== '');
const chosen = rows.filter(({ name }) => only.length === 0 || only.includes(name));
const tf = loadTf();

interface Ours {
  model: LayersModel;
  x: Tensor;
  y: Tensor;
}

const compiled = new Map<Row, Ours>();
const opByOp = new Map<Row, Ours>();

function prepare(row: Row): Ours {
  const { batch, steps, input, classes } = row;
  const model = row.build(tf);
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const count = batch * steps;
  const x = tf.randomNormal([count, ...input]);
  const y = tf.tidy(() => tf.oneHot(tf.randomUniform([count], 0, classes, 'int32'), classes).cast('float32'));
  return { model, x, y };
}

/** The same number of epochs for everybody: about half a second of our own compiled training. */
const epochs = new Map<Row, number>();

async function fit({ model, x, y }: Ours, row: Row, times: number): Promise<number> {
  const begin = performance.now();
  await model.fit(x, y, { batchSize: row.batch, epochs: times, verbose: 0 as never });
  return (performance.now() - begin) / (row.steps * times);
}

async function measureOurs(row: Row, mode: 'on' | 'off'): Promise<number> {
  process.env['TENSORCELL_COMPILE'] = mode;
  const all = mode === 'on' ? compiled : opByOp;
  let ours = all.get(row);
  if (ours === undefined) {
    ours = prepare(row);
    all.set(row, ours);
    await fit(ours, row, 2);
    if (mode === 'on')
      epochs.set(row, Math.max(1, Math.round(500 / ((await fit(ours, row, 1)) * row.steps))));
  }
  return fit(ours, row, Math.max(1, Math.ceil((epochs.get(row) ?? 1) / (mode === 'on' ? 1 : 4))));
}

const keras = await PythonPeer.start(
  options.python,
  join(process.cwd(), 'test', 'bench', 'train', 'peer-keras.py'),
);
const results = new Map<Row, Map<string, number[]>>();
const failures: string[] = [];
const note = (row: Row, who: string, ms: number) => {
  const line = results.get(row) ?? new Map<string, number[]>();
  results.set(row, line);
  line.set(who, [...(line.get(who) ?? []), ms]);
};

for (let round = 0; round < rounds; round++) {
  for (const row of chosen) {
    note(row, 'compiled', await measureOurs(row, 'on'));
    note(row, 'op by op', await measureOurs(row, 'off'));
    for (const jit of [false, true]) {
      const { name, batch, input, classes, steps } = row;
      const answer = await keras?.ask({
        name,
        batch,
        input,
        classes,
        steps,
        jit,
        epochs: epochs.get(row) ?? 1,
      });
      const who = jit ? 'Keras jit' : 'Keras';
      if (answer?.ms !== undefined) note(row, who, answer.ms);
      else if (answer?.failed !== undefined && round === 0)
        failures.push(`${who}, ${name}: ${answer.failed}`);
    }
  }
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
}
keras?.stop();

const { tensorflowVersion, runtime } = describeBackend();
console.log(
  `\n${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}; Node ${process.version}; ` +
    `TensorFlow ${tensorflowVersion ?? '-'} (${runtime?.name ?? '-'}); Keras ${keras?.about.version ?? 'not found'}; ` +
    `${rounds} rounds, medians; ms a step\n`,
);
const peers = ['compiled', 'op by op', 'Keras', 'Keras jit'];
console.log(
  table([
    ['', ...peers, 'op by op / us', 'Keras / us', 'Keras jit / us'],
    ...[...results].map(([row, line]) => {
      const medians = peers.map((peer) => median(line.get(peer) ?? []));
      const us = medians[0] ?? Number.NaN;
      return [
        `${row.name}, batch ${row.batch}`,
        ...medians.map(figure),
        ...medians.slice(1).map((value) => figure(value / us)),
      ];
    }),
  ]),
);
for (const line of failures) console.log(line);
process.exit(0);

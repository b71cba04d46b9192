/**
 * npm run bench -- train [--rounds N] [--only mlp,cnn] [--peers keras,jax,torch,tfjs-node] [--python PATH] [--growth]
 *
 * Milliseconds a step of training with Adam, categorical cross-entropy and accuracy: us compiled, us op by op, and
 * tfjs-node on its own addon, Keras 3 (its default for jit_compile, off and on), JAX with flax and optax, and PyTorch. All
 * take turns in every round, on the same machine with the same data and batches, from weights that each draws itself.
 * Printed are medians over the rounds, and for each row that we lose the profile of our step.
 *
 * `--growth`: how a step's time grows with depth and batch, beside Keras.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { describeBackend, loadTf, traceable } from '../../../src/tensorflow/index.ts';
import { profile } from '../../../src/tensorflow/profile/profile.ts';
import { figure, median, table } from '../statistics.ts';
import { deepRow, requestOf, rows, type Row } from './models.ts';
import { findPeers } from './peers.ts';
import { Trainer } from './trainer.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    python: { type: 'string' },
    growth: { type: 'boolean', default: false },
  },
});
const list = (text: string) => text.split(',').filter((name) => name !== '');
const rounds = Number(options.rounds);
const only = list(options.only);
const tf = loadTf();
const columns = await findPeers(process.cwd(), { python: options.python, only: list(options.peers) });
const failures = new Set<string>();

/** A half second of our own compiled training: everybody does the same number of epochs. */
const SLICE_MS = 500;

interface Ours {
  compiled: Trainer;
  opByOp: Trainer;
  epochs: number;
}

async function inMode<T>(mode: 'on' | 'off', action: () => Promise<T>): Promise<T> {
  process.env['TENSORCELL_COMPILE'] = mode;
  return action();
}

async function prepare(row: Row): Promise<Ours> {
  const compiled = new Trainer(tf, row, traceable);
  const opByOp = new Trainer(tf, row, traceable);
  await inMode('on', () => compiled.fit(3));
  const epochs = Math.max(1, Math.round(SLICE_MS / ((await compiled.fit(1)) * row.steps)));
  await inMode('on', () => compiled.fit(epochs));
  await inMode('off', () => opByOp.fit(1));
  return { compiled, opByOp, epochs };
}

/** Every column's milliseconds a step, round for round. */
async function measure(row: Row, withOpByOp: boolean): Promise<{ line: Map<string, number[]>; ours: Ours }> {
  const ours = await prepare(row);
  const line = new Map<string, number[]>();
  const note = (who: string, ms: number) => line.set(who, [...(line.get(who) ?? []), ms]);
  for (let round = 0; round < rounds; round++) {
    note('compiled', await inMode('on', () => ours.compiled.fit(ours.epochs)));
    if (withOpByOp) {
      note('op by op', await inMode('off', () => ours.opByOp.fit(Math.ceil(ours.epochs / 8))));
    }
    for (const { name, peer, variant } of columns) {
      const epochs = name === 'tfjs-node' ? Math.ceil(ours.epochs / 8) : ours.epochs;
      const answer = await peer.ask(requestOf(row, variant, epochs));
      if (answer.ms !== undefined) note(name, answer.ms);
      else failures.add(`${name}, ${row.name}: ${answer.failed ?? ''}`);
    }
  }
  const shown = [...line].map(([who, all]) => `${who} ${figure(median(all))}`).join(', ');
  process.stderr.write(
    `${[row.name, row.depth, `batch ${row.batch}`].filter(Boolean).join(' ')}: ${shown}\n`,
  );
  return { line, ours };
}

async function bench(): Promise<void> {
  const names = ['compiled', 'op by op', ...columns.map(({ name }) => name)];
  const printed: string[][] = [['ms a step', ...names, 'best peer / us']];
  const profiles: string[] = [];
  for (const row of rows.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const { line, ours } = await measure(row, true);
    const medians = names.map((name) => median(line.get(name) ?? []));
    const us = medians[0] as number;
    const best = Math.min(...medians.slice(2).filter(Number.isFinite));
    printed.push([`${row.name}, batch ${row.batch}`, ...medians.map(figure), figure(best / us)]);
    if (best < us) {
      const taken = await inMode('on', () => profile(() => ours.compiled.fit(1)));
      profiles.push(`${row.name}, one epoch of ${row.steps} steps:\n${String(taken)}`);
    }
    ours.compiled.dispose();
    ours.opByOp.dispose();
  }
  console.log(table(printed));
  if (profiles.length > 0) console.log(`\nRows that we lose:\n\n${profiles.join('\n\n')}`);
}

async function growth(): Promise<void> {
  const mlp = rows.find(({ name }) => name === 'mlp') as Row;
  const names = ['compiled', ...columns.map(({ name }) => name)];
  const sweep = async (title: string, all: { label: string; row: Row }[]) => {
    const printed: string[][] = [[title, ...names]];
    for (const { label, row } of all) {
      const { line, ours } = await measure(row, false);
      printed.push([label, ...names.map((name) => figure(median(line.get(name) ?? [])))]);
      ours.compiled.dispose();
      ours.opByOp.dispose();
    }
    console.log(`${table(printed)}\n`);
  };
  await sweep(
    'hidden layers of 64, batch 32',
    [2, 4, 8, 16, 32, 64].map((depth) => ({ label: String(depth), row: deepRow(depth) })),
  );
  await sweep(
    'batch, mlp',
    [1, 8, 64, 512, 4096].map((batch) => ({
      label: String(batch),
      row: { ...mlp, batch, steps: Math.max(4, Math.min(100, Math.round(8192 / batch))) },
    })),
  );
}

const { tensorflowVersion, runtime } = describeBackend();
console.log(
  `\n${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}; Node ${process.version}; ` +
    `we: TensorFlow ${tensorflowVersion ?? '-'} (${runtime?.name ?? '-'}); ${rounds} rounds, medians`,
);
for (const about of new Set(columns.map(({ peer }) => peer.about))) console.log(about);
console.log('');
await (options.growth ? growth() : bench());
for (const line of failures) console.log(line);
for (const peer of new Set(columns.map(({ peer: one }) => one))) peer.stop();
process.exit(0);

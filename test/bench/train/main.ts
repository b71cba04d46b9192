/**
 * npm run bench -- train [--rounds N] [--only mlp,cnn] [--peers keras,jax,torch,tfjs-node] [--python PATH] [--growth] [--cold [--steps 100,1000]]
 *
 * Milliseconds a step of training with Adam, categorical cross-entropy and accuracy: us compiled, us eagerly, and
 * tfjs-node on its own addon, Keras 3, JAX with flax and optax, and PyTorch, where they are installed. `--growth`: how a step's
 * time grows with depth and batch, compared with Keras. `--cold`: seconds from the building of a network to the end of its first 100, 1,000 and
 * 10,000 steps, everything included, and the same for a network that is built again in the same process.
 *
 * The same for all: the machine, the run, the data, the batches and their order, the weights at the beginning (we
 * draw them and hand them over as a file), the network, the loss, Adam's constants. Before a row is timed each trains
 * three steps, whose losses must agree with ours (`comparison.ts` says how closely): who trains another network is out of
 * the row, and a failure.
 *
 * Timed are, in turns of half a second or an epoch, whatever is longer, after a warm-up; printed are medians of the
 * rounds:
 * - we, tfjs-node: one `model.fit` of some epochs over tensors. We compile as `fit` does by default;
 *   XLA, where `fit` chooses it, has finished compiling before we are timed.
 * - Keras: one `model.fit` of some epochs over NumPy arrays, with `jit_compile` as Keras chooses it, off and on; `50 a call` is
 *   off with `steps_per_execution=50`.
 * - JAX: batches are arrays on the device beforehand; a jitted step that donates its state, called for each batch. `JAX scan`
 *   is a whole epoch in one jitted `lax.scan`. Losses and hits are read once an epoch.
 * - PyTorch: batches are tensors beforehand; the usual eager loop. Losses and hits are read once an epoch.
 * No contestant shuffles. Each has the machine alone in its turn, and all cores (PyTorch takes one thread where that is
 * as fast); whose epoch takes over three seconds has two turns.
 *
 * Like us, `50 a call` and `JAX scan` run many steps in one call, which callbacks and custom loops do not allow everywhere:
 * the fastest of the others is told too. For each row that we lose the profile of our step is printed. It ends with 1 when
 * a contestant failed.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeBackend, loadTf } from '../../../src/api/tensorflow.ts';
import { figure, table } from '../statistics.ts';
import { distance, FIRST_STEPS, TOLERANCE } from './comparison.ts';
import { cold, COLD_STEPS, fastestOther, ourselvesCold } from './cold.ts';
import { contest, type Outcome } from './contest.ts';
import { deepRow, rows, type Row } from './models.ts';
import { findPeers, type Column } from './peers.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    python: { type: 'string' },
    growth: { type: 'boolean', default: false },
    cold: { type: 'boolean', default: false },
    steps: { type: 'string', default: COLD_STEPS.join() },
  },
});
const list = (text: string) => text.split(',').filter((name) => name !== '');
const only = list(options.only);
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${options.rounds} is not a count`);
const coldSteps = list(options.steps).map(Number);
const odd = coldSteps.find((steps) => !COLD_STEPS.some((one) => one === steps));
if (odd !== undefined) throw new Error(`--steps ${options.steps}: choose from ${COLD_STEPS.join(', ')}`);
const known = new Set(rows.map(({ name }) => name));
const unknown = only.find((name) => !known.has(name));
if (unknown !== undefined) throw new Error(`--only ${unknown}: the rows are ${[...known].join(', ')}`);

// All rows run in one process here, and each as if it were a session's only one: XLA's memory is no reason against it.
process.env['TENSORCELL_XLA'] ??= 'auto';
const tf = loadTf();
const named = list(options.peers);
const columns = await findPeers(process.cwd(), {
  python: options.python,
  only: options.growth && named.length === 0 ? ['keras'] : named,
});
const peers = columns.map(({ name }) => name);
const failures: string[] = [];
const begun = performance.now();

/** One row, with a line of progress; what failed is kept for the end. */
async function measure(row: Row, label: string, done: number, of: number): Promise<Outcome> {
  const outcome = await contest(tf, row, columns, { rounds, opByOp: !options.growth }).catch(
    (error: Error): Outcome => ({ ms: new Map(), losses: new Map(), failures: [error.message], xla: false }),
  );
  failures.push(...outcome.failures.map((line) => `${label}: ${line}`));
  const shown = [...outcome.ms].map(([who, ms]) => `${who} ${figure(ms)}`).join(', ');
  const how = outcome.xla ? ', we by XLA' : '';
  const seconds = (performance.now() - begun) / 1000;
  const left = Math.round((seconds / (done + 1)) * (of - done - 1));
  process.stderr.write(
    `${label}: ${shown}${how} (${done + 1} of ${of}, ${Math.round(seconds)} s; about ${left} s left)\n`,
  );
  return outcome;
}

/** Said at the beginning: what a row and a contestant's turn took on two cores. */
function estimate(count: number): string {
  const everybody = columns.length + (options.growth ? 1 : 2);
  const seconds = count * (12 + everybody * (4 + 0.8 * rounds));
  return `${count} rows, ${rounds} rounds: about ${Math.max(1, Math.round(seconds / 60))} minutes`;
}

/** The fastest of some peers by name, and its time as a multiple of Tensorcell's. */
function fastest(among: readonly Column[], ms: ReadonlyMap<string, number>, us: number): [string, string] {
  const [first] = among
    .map(({ name }) => ({ name, ratio: (ms.get(name) ?? Number.NaN) / us }))
    .filter(({ ratio }) => Number.isFinite(ratio))
    .sort((a, b) => a.ratio - b.ratio);
  return first === undefined ? ['-', '-'] : [first.name, figure(first.ratio)];
}

async function bench(): Promise<void> {
  const chosen = rows.filter(({ name }) => only.length === 0 || only.includes(name));
  console.log(`${estimate(chosen.length)}\n`);
  const names = ['compiled', 'eager', ...peers];
  const printed: string[][] = [['ms a step', 'we by', ...names, 'fastest', '/ us', 'a step a call', '/ us']];
  const agreement: string[][] = [[`loss of step ${FIRST_STEPS}`, ...names, 'apart']];
  const profiles: string[] = [];
  for (const [i, row] of chosen.entries()) {
    const label = `${row.name}, batch ${row.batch}`;
    const { ms, losses, profile, xla } = await measure(row, label, i, chosen.length);
    const us = ms.get('compiled') ?? Number.NaN;
    printed.push([
      label,
      xla ? 'XLA' : 'graph',
      ...names.map((name) => figure(ms.get(name) ?? Number.NaN)),
      ...fastest(columns, ms, us),
      ...fastest(
        columns.filter(({ manySteps }) => !manySteps),
        ms,
        us,
      ),
    ]);
    const ours = losses.get('compiled') ?? [];
    agreement.push([
      label,
      ...names.map((name) => losses.get(name)?.at(-1)?.toFixed(5) ?? '-'),
      Math.max(...[...losses.values()].map((all) => distance(ours, all))).toExponential(0),
    ]);
    if (profile !== undefined)
      profiles.push(`${label}, one epoch of ${row.steps} steps:\n${String(profile)}`);
  }
  console.log(`${table(printed)}\n`);
  console.log(table(agreement));
  console.log(
    `(apart: the largest relative distance from ours in ${FIRST_STEPS} steps; ${TOLERANCE.first} in the first, ${TOLERANCE.later} in a later is a failure)`,
  );
  if (profiles.length > 0) console.log(`\nRows where a peer is faster:\n\n${profiles.join('\n\n')}`);
}

async function growth(): Promise<void> {
  const mlp = rows.find(({ name }) => name === 'mlp') as Row;
  const depths = [2, 4, 8, 16, 32, 64];
  const batches = [1, 8, 64, 512, 4096];
  const count = depths.length + batches.length;
  console.log(`${estimate(count)}\n`);
  let done = 0;
  const sweep = async (title: string, all: { label: string; row: Row }[]) => {
    const printed: string[][] = [[title, 'compiled', ...peers]];
    for (const { label, row } of all) {
      const { ms } = await measure(row, `${title}: ${label}`, done++, count);
      printed.push([label, ...['compiled', ...peers].map((name) => figure(ms.get(name) ?? Number.NaN))]);
    }
    return table(printed);
  };
  const tables = [
    await sweep(
      'ms a step, hidden layers of 64, batch 32',
      depths.map((depth) => ({ label: String(depth), row: deepRow(depth) })),
    ),
    await sweep(
      'ms a step, mlp, batch',
      batches.map((batch) => ({
        label: String(batch),
        row: { ...mlp, batch, steps: Math.max(8, Math.min(500, Math.round(16_384 / batch))) },
      })),
    ),
  ];
  console.log(tables.join('\n\n'));
}

async function coldStarts(): Promise<void> {
  const us = await ourselvesCold(process.cwd(), join(process.cwd(), '.cache', 'bench'));
  if (typeof us === 'string') throw new Error(us);
  // Many steps a call are told where they are what a user gets without asking.
  const contestants = [us, ...columns.filter(({ variant }) => !['off', 'on'].includes(variant))];
  const names = contestants.map(({ name }) => name);
  const tables = { first: [] as string[][], again: [] as string[][] };
  const chosen = rows
    .filter(({ name }) => only.length === 0 || only.includes(name))
    .flatMap((row) =>
      coldSteps.filter((steps) => steps <= (row.coldSteps ?? 0)).map((steps) => ({ row, steps })),
    );
  for (const [i, { row, steps }] of chosen.entries()) {
    const label = `${row.name}, batch ${row.batch}, ${steps} steps`;
    const outcome = await cold(tf, row, steps, contestants, Math.min(rounds, 3));
    failures.push(...outcome.failures.map((line) => `${label}: ${line}`));
    for (const which of ['first', 'again'] as const) {
      const times = outcome[which];
      tables[which].push([
        label,
        ...names.map((name) => figure(times.get(name) ?? Number.NaN)),
        ...fastestOther(times),
      ]);
    }
    const seconds = Math.round((performance.now() - begun) / 1000);
    process.stderr.write(
      `${tables.first.at(-1)?.join('  ') ?? ''} (${i + 1} of ${chosen.length}, ${seconds} s)\n`,
    );
  }
  for (const [title, which] of [
    ['seconds, the first network of a process', 'first'],
    ['seconds, a network that is built again', 'again'],
  ] as const) {
    console.log(`${table([[title, ...names, 'fastest', '/ us'], ...tables[which]])}\n`);
  }
  console.log(
    'Longer trainings are skipped where they would take minutes: cnn and transformer 10,000, resnet20 1,000.',
  );
  us.peer.stop();
}

const { tensorflowVersion, runtime } = describeBackend();
console.log(
  `\n${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}; Node ${process.version}; ` +
    `we: TensorFlow ${tensorflowVersion ?? '-'} (${runtime?.name ?? '-'}); medians of ${rounds} rounds`,
);
for (const about of new Set(columns.map(({ peer }) => peer.about))) console.log(about);
await (options.cold ? coldStarts() : options.growth ? growth() : bench());
if (failures.length > 0) console.log(`\nFailures:\n${failures.join('\n')}`);
for (const peer of new Set(columns.map(({ peer: one }) => one))) peer.stop();
process.exit(failures.length > 0 ? 1 : 0);

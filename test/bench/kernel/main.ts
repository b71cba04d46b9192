/**
 * npm run bench -- kernel [--rounds N] [--only NAME,NAME] [--turns] [--loops]
 *
 * Tensorcell next to tslab, Deno's kernel and ipykernel: a fresh kernel of each in every round, one after the other, so that a
 * machine whose speed drifts treats all alike. Then all of them at once, in turns, with other work between two cells
 * (`--turns`: only that; `--loops`: only the loops). Printed are medians over the rounds and ratios to us.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { figure, median, table } from '../statistics.ts';
import { cases, firstDiagnostic, type Figure } from './cases.ts';
import { findKernels, RunningKernel, type Peer } from './kernels.ts';
import { measureTurns } from './turns.ts';
import { loopNames, measureLoop, measureModule } from './loops.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    turns: { type: 'boolean', default: false },
    loops: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const only = options.only.split(',').filter((name) => name !== '');

/** row -> kernel -> what each round gave */
const results = new Map<string, Map<string, Figure[]>>();
const units = new Map<string, string>();

function note(row: string, unit: string, kernel: string, value: Figure): void {
  units.set(row, unit);
  const line = results.get(row) ?? new Map<string, Figure[]>();
  results.set(row, line);
  line.set(kernel, [...(line.get(kernel) ?? []), value]);
}

async function measure(peer: Peer, round: number): Promise<void> {
  const kernel = await RunningKernel.start(peer);
  try {
    const info = await kernel.client.request(
      'kernel_info_request',
      {},
      {
        timeoutMs: 30_000,
        replyOnly: true,
      },
    );
    note(
      'start to kernel_info',
      'ms',
      peer.name,
      info === undefined ? { failed: 'no answer' } : performance.now() - kernel.started,
    );
    const first = await kernel.client.execute('1+1', 30_000);
    note(
      'start to first result',
      'ms',
      peer.name,
      first === undefined ? { failed: 'no answer' } : performance.now() - kernel.started,
    );
    for (const one of options.loops ? [] : cases) {
      note(one.name, one.unit, peer.name, await one.run(kernel, peer.language, round));
      await kernel.client.quiet();
    }
    if (peer.language !== 'typescript') return;
    for (const name of loopNames)
      note(name, 'ns', peer.name, await measureLoop(kernel, peer.name, name, round));
    if (peer.name === 'tensorcell' && !options.loops) {
      note(
        'type error, first with tfjs',
        'ms',
        peer.name,
        await firstDiagnostic(kernel, 'const bad0: string = tf.scalar(1).add(2);'),
      );
      note(
        'type error, a later cell',
        'ms',
        peer.name,
        await firstDiagnostic(kernel, 'const bad1: string = tf.scalar(1).sum();'),
      );
    }
  } finally {
    await kernel.stop();
  }
}

const all = findKernels(process.cwd());
const kernels = only.length === 0 ? all : all.filter((peer) => only.includes(peer.name));
console.log(
  `${kernels.map((peer) => peer.name).join(', ')}; ${rounds} rounds; Node ${process.versions.node}; ` +
    `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`,
);
for (let round = 0; round < (options.turns ? 0 : rounds); round++) {
  for (const peer of kernels) {
    process.stderr.write(`round ${round + 1}: ${peer.name}\n`);
    await measure(peer, round);
  }
  for (const name of loopNames) note(name, 'ns', 'module', measureModule(name));
}

if (!options.loops) {
  process.stderr.write('in turns\n');
  await measureTurns(kernels, note);
}

function summary(values: readonly Figure[] | undefined): { text: string; value: number } {
  if (values === undefined) return { text: '', value: Number.NaN };
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length === values.length) return { text: figure(median(numbers)), value: median(numbers) };
  const failed = values.find((value) => typeof value !== 'number');
  return { text: failed?.failed ?? '-', value: Number.NaN };
}

const names = [...kernels.map((peer) => peer.name), 'module'];
const rows = [['', 'unit', ...names.flatMap((name) => (name === 'tensorcell' ? [name] : [name, 'ratio']))]];
for (const [row, line] of results) {
  const ours = summary(line.get('tensorcell')).value;
  rows.push([
    row,
    units.get(row) ?? '',
    ...names.flatMap((name) => {
      const { text, value } = summary(line.get(name));
      return name === 'tensorcell'
        ? [text]
        : [text, Number.isNaN(value) || Number.isNaN(ours) ? '' : figure(value / ours)];
    }),
  ]);
}
console.log(`\nmedians; ratio: theirs / ours (above 1: we are faster or smaller)\n\n${table(rows)}`);
process.exit(0);

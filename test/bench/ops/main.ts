/**
 * npm run bench -- ops [--rounds N] [--only add,exp] [--ms N] [--python PATH]
 *
 * Microseconds an op that runs by itself: us, and tfjs-node's own C++ addon, built unchanged against the same library
 * (TensorFlow's C headers come from the Python that is named). Both take turns on the same machine; printed are medians.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadTf } from '../../../src/api/tensorflow.ts';
import { loadedTensorflow } from '../../../src/engines/tensorflow/loading.ts';
import { figure, median, table } from '../statistics.ts';
import { buildAddon, startOnAddon } from '../train/addon.ts';
import type { Peer } from '../train/peer.ts';
import { measure, opCases } from './cases.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    ms: { type: 'string', default: '60' },
    python: { type: 'string', default: 'python3' },
  },
});
const ms = Number(options.ms);
const only = options.only.split(',').filter((name) => name !== '');
const tf = loadTf();
const cases = opCases(tf).filter(({ name }) => only.length === 0 || only.includes(name));
const root = process.cwd();
const folder = join(root, '.cache', 'bench');

async function startPeer(): Promise<Peer | string> {
  const runtime = loadedTensorflow()?.runtime;
  if (runtime === undefined) return 'no TensorFlow build';
  const addon = buildAddon(root, folder, runtime.libraries, options.python);
  return startOnAddon(
    root,
    folder,
    'peer-ops',
    join(root, 'test', 'bench', 'ops', 'peer-tfjs-node.ts'),
    addon,
  );
}

const peer = await startPeer();
if (typeof peer === 'string') console.log(`absent: tfjs-node (${peer})`);
const ours = new Map<string, number[]>();
const theirs = new Map<string, number[]>();
const note = (map: Map<string, number[]>, name: string, us: number | undefined) => {
  if (us !== undefined) map.set(name, [...(map.get(name) ?? []), us]);
};
for (let round = 0; round < Number(options.rounds); round++) {
  for (const one of cases) {
    note(ours, one.name, measure(tf, one, ms));
    if (typeof peer === 'string') continue;
    const answer = (await peer.ask({ name: one.name, ms })) as { us?: number };
    note(theirs, one.name, answer.us);
  }
}
if (typeof peer !== 'string') peer.stop();
const figures = cases.map(({ name, kernels }) => {
  const us = median(ours.get(name) ?? []);
  const addon = median(theirs.get(name) ?? []);
  return { name, kernels, us, addon, ratio: addon / us };
});
console.log(
  table([
    ['µs per call', 'ours', 'addon', 'addon / ours'],
    ...figures.map(({ name, us, addon, ratio }) => [name, figure(us), figure(addon), figure(ratio)]),
  ]),
);
for (const kernels of ['one', 'several'] as const) {
  const ratios = figures.filter((row) => row.kernels === kernels).map(({ ratio }) => Math.log(ratio));
  const mean = Math.exp(ratios.reduce((sum, value) => sum + value, 0) / ratios.length);
  console.log(`${kernels === 'one' ? 'one kernel' : 'several kernels'}: ${figure(mean)} (geometric mean)`);
}
process.exit(0);

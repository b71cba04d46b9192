import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeChoice } from '../../../src/engines/tensorflow/loading.ts';
import { buildAddon, startOnAddon } from './addon.ts';
import { Peer } from './peer.ts';

/** The packages of the Python peers' environment; Keras comes with TensorFlow. */
const PACKAGES = ['tensorflow-cpu==2.21.*', 'jax==0.10.*', 'flax==0.12.*', 'optax==0.2.*'];

/** One column of the table. */
export interface Column {
  name: string;
  peer: Peer;
  variant: string;
  /** Whether one call runs many steps, as ours do. */
  manySteps: boolean;
}

const MANY_STEPS = new Set(['many', 'scan']);

/** A Python with TensorFlow, Keras and JAX in `.cache/bench/train`, made once. Undefined where pip cannot. */
function pythonOfPeers(folder: string): string | undefined {
  const environment = join(folder, 'train');
  const python = join(environment, 'bin', 'python');
  if (existsSync(join(environment, 'complete'))) return python;
  console.log('installing TensorFlow, Keras, JAX, flax and optax into .cache/bench/train…');
  const steps = [
    ['python3', '-m', 'venv', environment],
    [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES],
    ['touch', join(environment, 'complete')],
  ];
  for (const [program = '', ...args] of steps) {
    if (spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0) return undefined;
  }
  return python;
}

/** The first Python that has PyTorch, of the one that is named, the peers' and the distribution's. */
function pythonWithTorch(candidates: readonly (string | undefined)[]): string | undefined {
  return candidates.find(
    (python) => python !== undefined && spawnSync(python, ['-c', 'import torch']).status === 0,
  );
}

/** Every peer that this machine has; what is absent is said with its reason. */
export async function findPeers(
  root: string,
  options: { python: string | undefined; only: readonly string[] },
): Promise<Column[]> {
  const folder = join(root, '.cache', 'bench');
  const here = join(root, 'test', 'bench', 'train');
  const wanted = (name: string) => options.only.length === 0 || options.only.includes(name);
  const columns: Column[] = [];
  const add = (peer: Peer | string, names: Record<string, string>, what: string) => {
    if (typeof peer === 'string') {
      console.log(`absent: ${what} (${peer})`);
      return;
    }
    for (const [name, variant] of Object.entries(names)) {
      columns.push({ name, peer, variant, manySteps: MANY_STEPS.has(variant) });
    }
  };
  const start = (program: string, file: string) => Peer.start(program, [join(here, file)]);
  const python = wanted('keras') || wanted('jax') || wanted('tfjs-node') ? pythonOfPeers(folder) : undefined;
  if (wanted('tfjs-node')) {
    const { runtime } = runtimeChoice();
    const addon =
      runtime === undefined
        ? { absent: 'no TensorFlow build' }
        : buildAddon(root, folder, runtime.libraries, python ?? 'python3');
    const source = join(here, 'peer-tfjs-node.ts');
    add(await startOnAddon(root, folder, 'peer-tfjs-node', source, addon), { 'tfjs-node': '' }, 'tfjs-node');
  }
  if (python === undefined && (wanted('keras') || wanted('jax'))) {
    console.log('absent: Keras and JAX (pip could not install them)');
  }
  if (python !== undefined && wanted('keras')) {
    const variants = { Keras: 'default', 'jit off': 'off', 'jit on': 'on', '50 a call': 'many' };
    add(await start(python, 'peer_keras.py'), variants, 'Keras');
  }
  if (python !== undefined && wanted('jax')) {
    add(await start(python, 'peer_jax.py'), { JAX: 'step', 'JAX scan': 'scan' }, 'JAX');
  }
  if (wanted('torch')) {
    const torch = pythonWithTorch([options.python, python, 'python3', '/usr/bin/python3']);
    if (options.python !== undefined && torch !== options.python)
      console.log(`${options.python} has no PyTorch`);
    if (torch === undefined) console.log('absent: PyTorch (no Python here has it: name one with --python)');
    else add(await start(torch, 'peer_torch.py'), { PyTorch: '' }, 'PyTorch');
  }
  return columns;
}

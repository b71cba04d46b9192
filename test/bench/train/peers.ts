import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runtimeChoice } from '../../../src/tensorflow/loading.ts';
import { buildAddon } from './addon.ts';
import { Peer } from './peer.ts';

/** What the environment of the Python peers holds; Keras comes with TensorFlow. */
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
  const add = async (program: string, args: string[], names: Record<string, string>, what: string) => {
    const peer = await Peer.start(program, args);
    if (typeof peer === 'string') console.log(`absent: ${what} (${peer})`);
    else
      for (const [name, variant] of Object.entries(names)) {
        columns.push({ name, peer, variant, manySteps: MANY_STEPS.has(variant) });
      }
  };
  const python = wanted('keras') || wanted('jax') || wanted('tfjs-node') ? pythonOfPeers(folder) : undefined;
  if (wanted('tfjs-node')) {
    const { runtime } = runtimeChoice();
    const addon =
      runtime === undefined
        ? { absent: 'no TensorFlow runtime' }
        : buildAddon(root, folder, runtime.libraries, python ?? 'python3');
    if ('absent' in addon) console.log(`absent: tfjs-node (${addon.absent})`);
    else {
      // Loaded as it stands: a bundle of what bundles would be mistaken about its own place.
      const bundling = (await import(pathToFileURL(join(root, 'scripts', 'bundle-source.mjs')).href)) as {
        bundleSource(entries: Record<string, string>, folder: string): Promise<void>;
      };
      await bundling.bundleSource({ 'peer-tfjs-node': join(here, 'peer-tfjs-node.ts') }, folder);
      const args = [join(folder, 'peer-tfjs-node.mjs'), addon.file];
      await add(process.execPath, args, { 'tfjs-node': '' }, 'tfjs-node');
    }
  }
  if (python === undefined && (wanted('keras') || wanted('jax'))) {
    console.log('absent: Keras and JAX (pip could not install them)');
  }
  if (python !== undefined && wanted('keras')) {
    const variants = { Keras: 'default', 'jit off': 'off', 'jit on': 'on', '50 a call': 'many' };
    await add(python, [join(here, 'peer_keras.py')], variants, 'Keras');
  }
  if (python !== undefined && wanted('jax')) {
    await add(python, [join(here, 'peer_jax.py')], { JAX: 'step', 'JAX scan': 'scan' }, 'JAX');
  }
  if (wanted('torch')) {
    const torch = pythonWithTorch([options.python, python, 'python3', '/usr/bin/python3']);
    if (torch === undefined) console.log('absent: PyTorch (no Python here has it: name one with --python)');
    else await add(torch, [join(here, 'peer_torch.py')], { PyTorch: '' }, 'PyTorch');
  }
  return columns;
}

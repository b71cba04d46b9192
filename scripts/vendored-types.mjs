// Declarations that cells need wherever the package is installed. tfjs and @types/node are development dependencies
// (tfjs-node-gpu's install script must never run at a user's), so their .d.ts files travel in dist/types/node_modules.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Names of activations that layers take here and tfjs's declarations lack: src/training/layers/activations.ts has them. */
const ACTIVATIONS = [
  'celu',
  'exponential',
  'glu',
  'hardShrink',
  'hardSilu',
  'hardTanh',
  'kerasHardSigmoid',
  'leakyRelu',
  'logSigmoid',
  'logSoftmax',
  'silu',
  'softShrink',
  'sparsePlus',
  'sparseSigmoid',
  'sparsemax',
  'squareplus',
  'tanhShrink',
];

export const VENDORED_TYPES = [
  ...[
    'tfjs',
    'tfjs-core',
    'tfjs-layers',
    'tfjs-data',
    'tfjs-converter',
    'tfjs-backend-cpu',
    'tfjs-backend-webgl',
  ].map((name) => `@tensorflow/${name}`),
  // Types that those refer to.
  '@webgpu/types',
  '@types/offscreencanvas',
  '@types/seedrandom',
  '@types/long',
  '@types/node',
  'undici-types',
];

/** @param {string} source */
function wanted(source) {
  const name = basename(source);
  if (statSync(source).isDirectory()) return name !== 'node_modules';
  return /\.d\.[cm]?ts$/.test(name) || name === 'package.json' || /^LICEN[CS]E/i.test(name);
}

/**
 * Adds names to the type of an activation.
 *
 * @param {string} folder
 */
function addActivations(folder) {
  const file = join(folder, '@tensorflow', 'tfjs-layers', 'dist', 'keras_format', 'activation_config.d.ts');
  if (!existsSync(file)) return;
  const text = readFileSync(file, 'utf8');
  const begin = 'export type ActivationIdentifier =';
  if (!text.includes(begin)) throw new Error(`${file} is not as expected: ${begin}`);
  const names = ACTIVATIONS.map((name) => `'${name}' | `).join('');
  writeFileSync(
    file,
    text.replace(begin, () => `${begin} ${names}`),
  );
}

/**
 * Drops folders that hold no file, which the filter leaves behind.
 *
 * @param {string} folder
 */
function prune(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    prune(path);
    if (readdirSync(path).length === 0) rmSync(path, { recursive: true });
  }
}

/**
 * Copies the declarations to `target`; a copy for these very versions is kept in the cache.
 *
 * @param {string} root
 * @param {string} target
 */
export function copyVendoredTypes(root, target) {
  const found = VENDORED_TYPES.map((name) => ({ name, from: join(root, 'node_modules', name) })).filter(
    ({ from }) => existsSync(from),
  );
  const versions = found.map(({ name, from }) => {
    const { version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    return `${name.replace('/', '+')}-${version}`;
  });
  const cached = join(
    root,
    '.cache',
    'types',
    createHash('sha256')
      .update([...versions, ...ACTIVATIONS].join())
      .digest('hex')
      .slice(0, 16),
  );
  if (!existsSync(cached)) {
    const fresh = `${cached}.${process.pid}`;
    rmSync(fresh, { recursive: true, force: true });
    for (const { name, from } of found) {
      const to = join(fresh, name);
      mkdirSync(dirname(to), { recursive: true });
      cpSync(from, to, { recursive: true, filter: wanted });
    }
    addActivations(fresh);
    prune(fresh);
    renameSync(fresh, cached);
  }
  cpSync(cached, target, { recursive: true });
}

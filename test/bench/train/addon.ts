import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Peer } from './peer.ts';

/** tfjs-node's own C++ addon, or why there is none. */
export type Addon = { file: string } | { absent: string };

/** Folders in which Node's headers may lie: next to its binary, or where a distribution puts them. */
function nodeHeaders(): string | undefined {
  const beside = join(dirname(dirname(realpathSync(process.execPath))), 'include', 'node');
  return [beside, '/usr/include/node', '/usr/include/nodejs/src'].find((folder) =>
    existsSync(join(folder, 'node_api.h')),
  );
}

/** TensorFlow's C headers, from a Python that has its wheel. */
function tensorflowHeaders(python: string): string | undefined {
  const { stdout } = spawnSync(
    python,
    [
      '-c',
      'import importlib.util as u, os; print(os.path.join(os.path.dirname(u.find_spec("tensorflow").origin), "include"))',
    ],
    { encoding: 'utf8' },
  );
  const folder = stdout.trim();
  return existsSync(join(folder, 'tensorflow', 'c', 'eager', 'c_api.h')) ? folder : undefined;
}

/**
 * Builds the addon of @tensorflow/tfjs-node-gpu, unchanged, against TensorFlow's library in `libraries`: the same that
 * we use. Done once; the result lies in `folder`.
 */
export function buildAddon(root: string, folder: string, libraries: string, python: string): Addon {
  const file = join(folder, 'tfjs_binding.node');
  if (existsSync(file)) return { file };
  const headers = nodeHeaders();
  if (headers === undefined)
    return { absent: `no headers of Node beside ${process.execPath} or in /usr/include` };
  const tensorflow = tensorflowHeaders(python);
  if (tensorflow === undefined) return { absent: `${python} has no TensorFlow, whose C headers are needed` };
  const names = readdirSync(libraries).filter((name) => /^libtensorflow_(cc|framework)\.so\.2$/.test(name));
  if (names.length !== 2) return { absent: `no libtensorflow_cc.so.2 in ${libraries}` };
  mkdirSync(folder, { recursive: true });
  console.log("building tfjs-node's addon into .cache/bench…");
  const source = join(root, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
  const { status, stderr, error } = spawnSync(
    'g++',
    [
      '-std=c++17',
      '-O2',
      '-fPIC',
      '-shared',
      '-w',
      ...[headers, source, tensorflow].map((path) => `-I${path}`),
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(source, 'binding', name)),
      ...names.map((name) => join(libraries, name)),
      `-Wl,-rpath,${libraries}`,
      '-o',
      file,
    ],
    { encoding: 'utf8' },
  );
  if (error !== undefined) return { absent: 'there is no g++' };
  if (status !== 0) return { absent: `g++ failed: ${stderr.split('\n')[0] ?? ''}` };
  return { file };
}

/**
 * Starts our program with the addon's file: `source` is bundled into `folder` as `name`. A text with the reason,
 * where there is no addon or the program does not start.
 */
export async function startOnAddon(
  root: string,
  folder: string,
  name: string,
  source: string,
  addon: Addon,
): Promise<Peer | string> {
  if ('absent' in addon) return addon.absent;
  // Loaded as it stands: a bundle of what bundles would be mistaken about its own place.
  const bundling = (await import(pathToFileURL(join(root, 'scripts', 'bundle-source.mjs')).href)) as {
    bundleSource(entries: Record<string, string>, to: string): Promise<void>;
  };
  await bundling.bundleSource({ [name]: source }, folder);
  return Peer.start(process.execPath, [join(folder, `${name}.mjs`), addon.file]);
}

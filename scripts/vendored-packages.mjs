// Packages that travel inside ours, in dist/node_modules, instead of being installed next to it: as they come they hold
// every platform's binaries and their own sources (zeromq 40 MB with what it needs, h5wasm 15 MB), and no install script
// may trim them at a user's. Each gives one bundle and the binaries of the platforms that we support.
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * By name: the file that is bundled, and the name that it is imported by inside the package.
 *
 * @type {Record<string, { entry: string, format: 'cjs' | 'esm', exports: Record<string, string>, file: string }>}
 */
export const VENDORED = {
  zeromq: { entry: 'lib/index.js', format: 'cjs', exports: { '.': './index.cjs' }, file: 'index.cjs' },
  h5wasm: {
    // Not its build for Node, which works in the file system: this one keeps its files in memory.
    entry: 'dist/esm/hdf5_hl.js',
    format: 'esm',
    exports: { '.': './index.mjs' },
    file: 'index.mjs',
  },
};

/** zeromq's addons, which speak Node-API: its loader takes the newest of each architecture on every Node. */
const ADDONS = {
  x64: 'build/linux/x64/node/glibc-127-Release/addon.node',
  arm64: 'build/linux/arm64/node/glibc-127-Release/addon.node',
};

/** Its loader reads a manifest of all builds, with the help of a package of 6 MB. */
/** @type {import('esbuild').Plugin} */
const ownLoader = {
  name: 'zeromq-addon',
  setup(builder) {
    builder.onLoad({ filter: /zeromq\/lib\/load-addon\.js$/ }, () => ({
      // In two steps, or esbuild looks for files that fit.
      contents:
        'exports.__esModule = true;\nconst addon = `./linux-${process.arch}.node`;\nexports.default = require(addon);',
    }));
  },
};

/**
 * Writes the packages to `target` (a folder `node_modules`); returns esbuild's inputs, for the list of licences.
 *
 * @param {string} root
 * @param {string} target
 */
export async function vendorPackages(root, target) {
  /** @type {string[]} */
  const inputs = [];
  for (const [name, { entry, format, exports, file }] of Object.entries(VENDORED)) {
    const from = join(root, 'node_modules', name);
    const to = join(target, name);
    mkdirSync(to, { recursive: true });
    const { metafile } = await build({
      entryPoints: [join(from, entry)],
      outfile: join(to, file),
      absWorkingDir: root,
      bundle: true,
      platform: 'node',
      target: 'node20.19',
      format,
      minifyWhitespace: true,
      charset: 'utf8',
      legalComments: 'inline',
      logLevel: 'warning',
      logOverride: { 'commonjs-variable-in-esm': 'silent' },
      metafile: true,
      plugins: [ownLoader],
    });
    inputs.push(...Object.keys(metafile.inputs));
    const { version, license, repository } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    writeFileSync(
      join(to, 'package.json'),
      `${JSON.stringify({ name, version, license, repository, exports }, undefined, 2)}\n`,
    );
    for (const text of readdirSync(from).filter((each) => /^licen[cs]e/i.test(each))) {
      copyFileSync(join(from, text), join(to, text));
    }
  }
  for (const [arch, addon] of Object.entries(ADDONS)) {
    copyFileSync(join(root, 'node_modules', 'zeromq', addon), join(target, 'zeromq', `linux-${arch}.node`));
  }
  return inputs;
}

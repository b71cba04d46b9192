// Bundles our own TypeScript for a tool that runs it at once: packages stay outside, and `import.meta.url`, `.dirname`
// and `.filename` mean the source file, as if it were not bundled.
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {import('esbuild').Plugin} */
const sourceLocations = {
  name: 'source-locations',
  setup(builder) {
    builder.onLoad({ filter: /\.(ts|mjs)$/ }, async ({ path }) => {
      if (path.includes('/node_modules/')) return undefined;
      const text = await readFile(path, 'utf8');
      const contents = text
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.filename', JSON.stringify(path));
      return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
    });
  },
};

/**
 * Bundles `entryPoints` (name of the bundle -> source file) into `folder`, as `.mjs` files.
 *
 * @param {Record<string, string>} entryPoints
 * @param {string} folder
 */
export async function bundleSource(entryPoints, folder) {
  await build({
    entryPoints,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    absWorkingDir: root,
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [sourceLocations],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}

/**
 * Bundles one program and runs it in a separate process; this process ends with its exit code. Resolves when it has ended.
 *
 * @param {string} file
 * @param {string} name of the bundle
 * @param {readonly string[]} args
 */
export async function runSource(file, name, args) {
  const folder = join(root, '.cache', 'programs');
  await bundleSource({ [name]: file }, folder);
  const child = spawn(process.execPath, ['--enable-source-maps', join(folder, `${name}.mjs`), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
    process.on(signal, () => child.kill(signal));
  await new Promise((done) => {
    child.on('close', (code, signal) => {
      process.exitCode = signal === null ? (code ?? 1) : 1;
      done(undefined);
    });
  });
}

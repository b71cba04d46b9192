// Bundles kernel process, runtime process, library and command into dist/. Start-up halves against single files.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildTfjs } from './build-tfjs.mjs';
import { writeLicences } from './licences.mjs';
import { tutorialPackages } from './tutorial-data.mjs';
import { VENDORED, vendorPackages } from './vendored-packages.mjs';
import { copyVendoredTypes, VENDORED_TYPES } from './vendored-types.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const target = join(root, 'dist');
const fresh = join(root, `dist.${process.pid}.new`);

/** Entry points by the name of their bundle. */
const entries = {
  kernel: 'kernel/main.ts',
  runtime: 'kernel/runtime/main.ts',
  control: 'kernel/runtime/control.ts',
  // Required at once by the runtime process, so that no microtask of a cell comes between.
  library: 'kernel/runtime/library.ts',
  compile: 'kernel/language/compile/index.ts',
  'compiler-process': 'kernel/language/separate/main.ts',
  tensorcell: 'src/index.ts',
  cli: 'src/cli/main.ts',
  'data-worker': 'src/data/pipeline/worker-main.ts',
  probe: 'src/devices/probe/main.ts',
  'first-operation': 'src/devices/doctor/first-operation-main.ts',
  'xla-trial': 'src/tensorflow/compile/xla-trial-main.ts',
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  absWorkingDir: root,
  external: [...Object.keys(pkg.dependencies), ...Object.keys(VENDORED)],
  legalComments: 'linked',
  logLevel: 'warning',
  sourcemap: 'linked',
  metafile: true,
};

// A build that fails leaves nothing beside the old one.
process.on('exit', () => rmSync(fresh, { recursive: true, force: true }));
mkdirSync(fresh);
const bundles = await build({
  ...common,
  entryPoints: Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(join(root, file)))),
  outdir: fresh,
  format: 'esm',
  splitting: true,
  chunkNames: 'chunk-[hash]',
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
// What the command needs beside its code.
for (const [from, to] of [
  ['src/cli/logo', 'logo'],
  ['requirements/lab.txt', 'requirements/lab.txt'],
  ['src/python/bridge', 'python'],
]) {
  cpSync(join(root, from), join(fresh, to), { recursive: true });
}
for (const name of readdirSync(join(root, 'notebooks')).filter((file) => file.endsWith('.ipynb'))) {
  cpSync(join(root, 'notebooks', name), join(fresh, 'notebooks', name));
}
writeFileSync(
  join(fresh, 'notebooks', 'package.json'),
  `${JSON.stringify({ private: true, dependencies: tutorialPackages(root) }, undefined, 2)}\n`,
);
// Declarations: what cells have in scope, and the types of `import … from 'tensorcell'`.
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.types.json',
    '--outDir',
    join(fresh, 'types'),
  ],
  { cwd: root, stdio: 'inherit' },
);
if (status !== 0) throw new Error('the declarations could not be written: see the errors of tsc above');
copyVendoredTypes(root, join(fresh, 'types', 'node_modules'));
const tfjs = await buildTfjs(root, fresh);
const vendored = await vendorPackages(root, join(fresh, 'node_modules'));
writeLicences(root, fresh, [
  ...Object.keys(bundles.metafile.inputs),
  ...Object.keys(tfjs.metafile.inputs),
  ...vendored,
  ...VENDORED_TYPES.map((name) => `node_modules/${name}`),
]);
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);

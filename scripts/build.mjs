// Bundles kernel process, runtime process, library and command into dist/. Start-up halves against single files.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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

/** Entry points of CommonJS bundles, which Node starts faster than ES modules. */
const commonJs = {
  kernel: 'kernel/launch.ts',
  runtime: 'runtime/launch.ts',
  control: 'runtime/control.ts',
};

/** Entry points of what `kernel/processes/code-cache.ts` runs: one file each, with all our code that the process may load. */
const cached = {
  'kernel-code': 'kernel/main.ts',
  'runtime-code': 'runtime/main.ts',
};

/** Entry points by the name of their bundle. */
const entries = {
  // Required at once by the runtime process, so that no microtask of a cell comes between.
  library: 'runtime/library.ts',
  compile: 'kernel/language/compile/index.ts',
  'compiler-process': 'kernel/language/separate/main.ts',
  tensorcell: 'src/api/index.ts',
  cli: 'cli/main.ts',
  'data-worker': 'src/data/pipeline/worker-main.ts',
  probe: 'src/machine/devices/probe/main.ts',
  'first-operation': 'src/api/first-operation-main.ts',
  'xla-trial': 'src/api/xla-trial-main.ts',
  'hardware-step': 'src/api/hardware/main.ts',
};

/** @satisfies {import('esbuild').BuildOptions} */
const common = {
  bundle: true,
  platform: /** @type {const} */ ('node'),
  target: 'node20.19',
  absWorkingDir: root,
  external: [...Object.keys(pkg.dependencies), ...Object.keys(VENDORED)],
  legalComments: /** @type {const} */ ('linked'),
  logLevel: /** @type {const} */ ('warning'),
  sourcemap: /** @type {const} */ ('linked'),
  metafile: /** @type {const} */ (true),
};

/** Packages that the kernel process needs for the first cell: in its bundle they have their place in the code cache. */
const BUNDLED = ['oxc-parser', 'magic-string', '@jridgewell/remapping'];

/** oxc-parser's addon, without a look at each file that its loader knows. Where it has another name, that loader is asked. */
/** @type {import('esbuild').Plugin} */
const parserAddon = {
  name: 'parser-addon',
  setup(builder) {
    builder.onLoad({ filter: /oxc-parser\/src-js\/bindings\.js$/ }, () => ({
      contents: `
        import { createRequire } from 'node:module';
        const own = createRequire(createRequire(import.meta.url).resolve('oxc-parser'));
        let addon;
        try {
          addon = own(\`@oxc-parser/binding-linux-\${process.arch}-gnu\`);
        } catch {
          addon = own('./bindings.js');
        }
        export const {
          ExportExportNameKind, ExportImportNameKind, ExportLocalNameKind, ImportNameKind, ParseResult, Severity, parse, parseSync,
          rawTransferSupported, getBufferOffset, parseRaw, parseRawSync,
        } = addon;`,
    }));
  },
};

// A build that fails leaves nothing next to the old one.
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
const started = await build({
  ...common,
  entryPoints: commonJs,
  outdir: fresh,
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
});
const code = await build({
  ...common,
  entryPoints: cached,
  external: common.external.filter((name) => !BUNDLED.includes(name)),
  plugins: [parserAddon],
  outdir: fresh,
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  // `import()` of a package becomes `require`: V8's cache and Node's loader of modules do not know each other.
  supported: { 'dynamic-import': false },
  // A file of Latin-1 takes half the memory.
  charset: 'ascii',
  define: { 'import.meta.url': '__url' },
  banner: {
    js: "(function (require, __filename, __dirname, nativeImport, missingCache) { 'use strict'; const __url = require('node:url').pathToFileURL(__filename).href;",
  },
  footer: { js: '})' },
});
for (const name of Object.keys(cached)) {
  const file = join(fresh, `${name}.cjs`);
  const text = readFileSync(file, 'latin1');
  // In the same line, so that the source map holds.
  writeFileSync(file, `/*${createHash('sha256').update(text).digest('hex')}*/${text}`, 'latin1');
}
// Kernelspecs of earlier versions name this file.
writeFileSync(join(fresh, 'kernel.js'), "import './kernel.cjs';\n");
// Files that the command needs in addition to its code.
for (const [from, to] of /** @type {const} */ ([
  ['cli/logo', 'logo'],
  ['requirements/lab.txt', 'requirements/lab.txt'],
  ['src/interop/python/bridge', 'python'],
])) {
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
  ...[bundles, started, code].flatMap(({ metafile }) => Object.keys(metafile.inputs)),
  ...Object.keys(tfjs.metafile?.inputs ?? {}),
  ...vendored,
  ...VENDORED_TYPES.map((name) => `node_modules/${name}`),
]);
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);

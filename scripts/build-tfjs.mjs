// Bundles tfjs (its ES files, so that single ops can be replaced) with tfjs-node's backend class and kernels into one
// CommonJS file: dist/tf.cjs.
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { constructible, es5SuperCalls } from './es5-classes.mjs';
import { patchGradients } from './tfjs-gradient-patches.mjs';
import { patchLayers } from './tfjs-layers-patches.mjs';
import { edited, Patches } from './tfjs-patcher.mjs';
import { patchLosses } from './tfjs-loss-patches.mjs';
import { patchMasks } from './tfjs-mask-patches.mjs';
import { patchOps } from './tfjs-op-patches.mjs';
import { patchObjective } from './tfjs-objective-patches.mjs';
import { patchRegistry } from './tfjs-registry-patches.mjs';
import { patchTraining } from './tfjs-training-patches.mjs';
import { patchValues } from './tfjs-value-patches.mjs';

/** Packages whose ES files are bundled, never their prebuilt CommonJS files: there must be one instance of each. */
const esPackages = /^@tensorflow\/tfjs-(core|layers|data|converter|backend-cpu)$/;

/** Random ops by file: what our generator calls them, their two parameters, and what `null` means for these. */
const randomOps = {
  random_uniform: ['uniform', 'minval', 'maxval', 'minval ??= 0; maxval ??= 1;'],
  random_normal: ['normal', 'mean', 'stdDev', 'mean ??= 0; stdDev ??= 1;'],
  truncated_normal: ['truncatedNormal', 'mean', 'stdDev', 'mean ??= 0; stdDev ??= 1;'],
  random_gamma: ['gamma', 'alpha', 'beta', 'beta ??= 1;'],
};

/** What tfjs draws in JavaScript without a seed, by file: how often, the text, and ours, which follows from the session's seed. */
const drawnInJavaScript = [
  [/tfjs-core\/dist\/(util_base|ops\/rand_util)\.js$/, 3, 'Math.random()', 'ours.next()'],
  // The kernel's seed is an integer, and 0 would be none.
  [
    /tfjs-core\/dist\/ops\/multinomial\.js$/,
    1,
    'Math.random()',
    '1 + Math.floor(ours.next() * (2 ** 31 - 2))',
  ],
  [
    /tfjs-data\/dist\/(dataset|iterators\/lazy_iterator)\.js$/,
    1,
    'tf.util.now().toString()',
    'ours.next().toString()',
  ],
];

/** Ops and layers that ask hooks of ours first. @param hooks the hooks' file, as text of an import. */
function asksHooks(patches, hooks) {
  // Random ops ask our generator first: numbers drawn in JavaScript would be constants of a traced step.
  patches.add(
    /tfjs-core\/dist\/ops\/(random_uniform|random_normal|truncated_normal|random_gamma)\.js$/,
    (path, text) => {
      const [kind, low, high, defaults] = randomOps[basename(path, '.js')];
      const check = 'assertNonNegativeIntegerDimensions(shape);';
      return `import { random as ours } from ${hooks};\n${edited(path, text, [
        [
          check,
          `${check}
    ${defaults}
    dtype ??= 'float32';
    seed ??= undefined;
    const drawn = ours.draw?.('${kind}', shape, ${low}, ${high}, dtype, seed);
    if (drawn !== undefined) return drawn;`,
        ],
      ])}`;
    },
  );
  for (const [filter, count, from, to] of drawnInJavaScript) {
    patches.add(filter, (path, text) => {
      const parts = text.split(from);
      if (parts.length !== count + 1) throw new Error(`${path} is not as expected: ${from}`);
      return `import { random as ours } from ${hooks};\n${parts.join(to)}`;
    });
  }
  const begin = 'const gradientMode = gradientDepth > 0;';
  patches.add(
    /tfjs-core\/dist\/ops\/fused_util\.js$/,
    (path, text) =>
      `import { fusing } from ${hooks};\n${edited(path, text, [
        [begin, `if (fusing.off()) return false;\n    ${begin}`],
      ])}`,
  );
  // Normalizations as TensorFlow has them; and without gamma or beta, which tfjs's own cannot train.
  const batch = 'export function normalizeBatchInTraining(x, gamma, beta, reductionAxes, epsilon = 1e-3) {';
  const keepDims = 'const keepDims = true;';
  patches.add(
    /tfjs-layers\/dist\/layers\/normalization\.js$/,
    (path, text) =>
      `import { normalizing } from ${hooks};\n${edited(path, text, [
        [
          batch,
          `${batch}
    const ours = normalizing.batch(x, gamma, beta, reductionAxes, epsilon);
    if (ours !== undefined) return ours;`,
        ],
        [
          'input, this.gamma.read(), this.beta.read()',
          'input, this.gamma?.read() ?? null, this.beta?.read() ?? null',
        ],
        [
          keepDims,
          `const ours = normalizing.layer(input, this.axis, this.gamma?.read() ?? null, this.beta?.read() ?? null, this.epsilon);
            if (ours !== undefined) return ours;
            ${keepDims}`,
        ],
      ])}`,
  );
}

function tfjsInOneInstance(root) {
  const here = join(root, 'src', 'tfjs');
  return {
    name: 'tfjs-in-one-instance',
    setup(builder) {
      const hooks = JSON.stringify(join(here, 'hooks.mjs'));
      const patches = new Patches();
      patchLayers(patches, join(here, 'hooks.mjs'));
      patchTraining(patches, here);
      patchGradients(patches, hooks);
      patchValues(patches);
      patchOps(patches, here, hooks);
      patchLosses(patches, here);
      patchObjective(patches, here);
      patchMasks(patches, here);
      patchRegistry(patches);
      asksHooks(patches, hooks);
      builder.onResolve({ filter: /^@tensorflow\/tfjs$/ }, () => ({ path: join(here, 'namespace.cjs') }));
      builder.onResolve({ filter: esPackages }, ({ path }) => ({
        path: join(root, 'node_modules', path, 'dist', 'index.js'),
      }));
      builder.onResolve({ filter: /^util$/ }, ({ importer }) =>
        importer.includes('tfjs-node-gpu') ? { path: join(here, 'util-shim.cjs') } : undefined,
      );
      // tfjs-node is compiled to ES5, whose constructors cannot call those of real classes, which the ES files have.
      // Its warning at every 64-bit result tells users nothing that they could act on.
      builder.onLoad({ filter: /tfjs-node-gpu\/dist\/.*\.js$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        return {
          contents: constructible(text).replace(
            "console.warn('INT64 output tensor will be stored as BigInt64Array.');",
            '',
          ),
        };
      });
      patches.install(builder);
      builder.onEnd(async ({ metafile }) => {
        for (const file of Object.keys(metafile?.outputs ?? {}).filter((name) => name.endsWith('.cjs'))) {
          const left = es5SuperCalls(await readFile(join(root, file), 'utf8'));
          if (left.length === 0) continue;
          throw new Error(
            `${file} has classes lowered to ES5 whose constructors call their parent as a function, which a real class refuses: ` +
              `transform their package with constructible() in scripts/build-tfjs.mjs\n${left.join('\n')}`,
          );
        }
      });
      // Node has its own fetch since version 18.
      builder.onResolve({ filter: /^node-fetch$/ }, () => ({ path: join(here, 'fetch-shim.cjs') }));
    },
  };
}

/**
 * Builds `tf.cjs` in `folder`. Tests may give another `entry`, more `plugins` (which come first) and further options of
 * esbuild.
 */
export async function buildTfjs(
  root,
  folder,
  { entry = 'src/tfjs/entry.cjs', plugins = [], ...options } = {},
) {
  return build({
    entryPoints: { tf: join(root, entry) },
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    minifySyntax: true,
    // Not minified: Node prints the source line of an error that nobody catches.
    legalComments: 'linked',
    logLevel: 'warning',
    metafile: true,
    absWorkingDir: root,
    logOverride: { 'equals-negative-zero': 'silent' },
    ...options,
    plugins: [...plugins, tfjsInOneInstance(root)],
  });
}

// Bundles tfjs (its ES files, so that single ops can be replaced) with tfjs-node's backend class and kernels into one
// CommonJS file: dist/tf.cjs.
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constructible, es5SuperCalls } from './es5-classes.mjs';
import { withConvertedArguments } from './tfjs-argument-dtypes.mjs';
import { tfjsPatchesPlugin } from './tfjs-patches.mjs';

/** Packages whose ES files are bundled, never their prebuilt CommonJS files: there must be one instance of each. */
const esPackages = /^@tensorflow\/tfjs-(core|layers|data|converter|backend-cpu)$/;

/**
 * @param {string} root
 * @returns {import('esbuild').Plugin}
 */
function tfjsInOneInstance(root) {
  const here = join(root, 'src', 'tfjs');
  return {
    name: 'tfjs-in-one-instance',
    setup(builder) {
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
 *
 * @param {string} root
 * @param {string} folder
 * @param {import('esbuild').BuildOptions & { entry?: string }} [options]
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
    // Not minified: Node prints the source line of an uncaught error.
    legalComments: 'linked',
    logLevel: 'warning',
    metafile: true,
    absWorkingDir: root,
    logOverride: { 'equals-negative-zero': 'silent' },
    ...options,
    plugins: [
      ...plugins,
      tfjsInOneInstance(root),
      tfjsPatchesPlugin({
        folder: join(root, 'scripts', 'tfjs-patches'),
        ownFiles: join(root, 'src', 'tfjs'),
        rule: withConvertedArguments,
      }),
    ],
  });
}

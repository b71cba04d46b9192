import { build, type Plugin } from 'esbuild';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTfjs } from '../../scripts/build-tfjs.mjs';

const GRADIENTS = 'export { customGrad, variableGrads, valueAndGrad, valueAndGrads, grad, grads, };';

/** Lets the judge run what `tf.grad` and its kin give in another way, such as compiled. */
function hooks(root: string): Plugin {
  return {
    name: 'judge',
    setup(builder) {
      builder.onLoad({ filter: /tfjs-core\/dist\/gradients\.js$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (!text.includes(GRADIENTS)) throw new Error(`${path} is not as expected`);
        const names = ['grad', 'grads', 'valueAndGrad', 'valueAndGrads'];
        return {
          contents:
            `import { through } from ${JSON.stringify(join(root, 'test/judge/gradients.cjs'))};\n` +
            text.replace(GRADIENTS, 'export { customGrad, variableGrads };') +
            // The last line is a comment.
            names
              .map(
                (name) => `\nconst judged_${name} = through(${name}); export { judged_${name} as ${name} };`,
              )
              .join(''),
        };
      });
    },
  };
}

/** Builds tfjs with its own tests, and the program that runs them, into `folder`; gives the program's path. */
export async function buildJudge(root: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await buildTfjs(root, folder, {
    entry: 'test/judge/entry.cjs',
    plugins: [hooks(root)],
    // The tests are imported for their effects, which tfjs-core's package.json does not tell.
    ignoreAnnotations: true,
    external: ['jasmine-core', 'jasmine-core/*'],
    legalComments: 'none',
  });
  await build({
    entryPoints: { judge: join(root, 'test/judge/main.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    logLevel: 'error',
  });
  return join(folder, 'judge.mjs');
}

/** A process that saves a model over and over, and is killed in the middle. */
import type * as Tf from '@tensorflow/tfjs';
import { buildSync } from 'esbuild';
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadModel } from '../../src/training/index.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

export interface Killing {
  rounds: number;
  /** Whole saves before the kill. */
  saves: number;
  /** Milliseconds from the last of them to the kill. */
  delay: (round: number) => number;
}

/** In each round saves to `file` until a kill, then loads it and has it predict. */
export async function killWhileSaving(file: string, { rounds, saves, delay }: Killing): Promise<void> {
  // In a folder next to the packages, so that it finds them.
  const bundle = fileURLToPath(new URL(`../../.cache/save-forever-${process.pid}.mjs`, import.meta.url));
  buildSync({
    entryPoints: [fileURLToPath(new URL('save-forever.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: bundle,
    logLevel: 'error',
  });
  try {
    for (let round = 0; round < rounds; round++) {
      const child = fork(bundle, [file]);
      const saved = await new Promise<number>((resolve) => {
        let count = 0;
        child.on('message', () => {
          count += 1;
          if (count === saves) setTimeout(() => child.kill('SIGKILL'), delay(round));
        });
        child.on('exit', () => {
          resolve(count);
        });
      });
      assert.ok(saved >= saves);
      const model = await loadModel(file);
      const [first] = (model.predict(tf.ones([1, 3])) as Tf.Tensor).dataSync();
      assert.ok(Number.isFinite(first), `round ${round}`);
      model.dispose();
    }
  } finally {
    rmSync(bundle, { force: true });
  }
}

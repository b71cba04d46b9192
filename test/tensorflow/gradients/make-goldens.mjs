// Makes goldens.json anew: node test/tensorflow/gradients/make-goldens.mjs PYTHON, with a Python that has TensorFlow 2.21 and JAX.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleSource } from '../../../scripts/bundle-source.mjs';

const [python = 'python3'] = process.argv.slice(2);
const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-goldens-'));
const run = (/** @type {string} */ command, /** @type {string[]} */ args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
};
try {
  const programs = join(here, '..', '..', '..', '.cache', 'programs');
  await bundleSource({ 'export-cases': join(here, 'export-cases.ts') }, programs);
  const cases = join(folder, 'cases.json');
  run(process.execPath, [join(programs, 'export-cases.mjs'), cases]);
  run(python, [join(here, 'goldens.py'), cases, join(here, 'goldens.json')]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

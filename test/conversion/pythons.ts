import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The checkout's environment, which `npm test` makes: NumPy, pandas, polars and pyarrow are in it. */
export function environmentPython(): string {
  const python = join(process.cwd(), '.venv', 'bin', 'python');
  if (!existsSync(python)) throw new Error('there is no .venv: `npm test` makes it');
  return python;
}

/** A Python with PyTorch: Debian's, which `.ci/run` installs; undefined where there is none. */
export function torchPython(): string | undefined {
  const python = process.env['TENSORCELL_TEST_TORCH'] ?? '/usr/bin/python3';
  return spawnSync(python, ['-c', 'import torch']).status === 0 ? python : undefined;
}

export const NO_TORCH = "PyTorch is not installed (Debian's python3-torch, or TENSORCELL_TEST_TORCH=python)";

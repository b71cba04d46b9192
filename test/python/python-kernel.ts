/** A kernel whose cells use the Python that the tests are written for. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import type { KernelOptions, KernelProcess } from '../kernel/kernel-process.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function imports(python: string, name: string): boolean {
  return spawnSync(python, ['-c', `import ${name}`], { timeout: 60_000 }).status === 0;
}

/**
 * Debian's Python, for which .ci/run installs python3-ipykernel, python3-torch and python3-pandas; where it has no
 * ipykernel that of JupyterLab, which has.
 */
export const PYTHON =
  process.env['TENSORCELL_TEST_PYTHON'] ??
  (imports('/usr/bin/python3', 'ipykernel') ? '/usr/bin/python3' : join(root, '.venv', 'bin', 'python'));

/** For `test(name, needs('torch'), …)`: skipped with a reason where the package is missing. */
export function needs(name: string): { skip: string | false } {
  return {
    skip: imports(PYTHON, name) ? false : `${PYTHON} has no ${name}: sudo apt install python3-${name}`,
  };
}

/** A cell in that Python. */
export function python(code: string, options = ''): string {
  return `%%python --env ${PYTHON}${options === '' ? '' : ` ${options}`}\n${code}`;
}

export async function withPython(
  test: (client: JupyterClient, kernel: KernelProcess) => Promise<void>,
  options: KernelOptions = {},
): Promise<void> {
  await withKernel(test, options);
}

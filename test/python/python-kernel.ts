/** A kernel whose cells use the Python that the tests are written for. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Cell, JupyterClient } from '../kernel/jupyter-client.ts';
import { KernelProcess, withKernel } from '../kernel/kernel-process.ts';
import type { KernelOptions } from '../kernel/kernel-process.ts';

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

/** One kernel for all tests of a file, whose first cell chose that Python; `begin` runs before the first test. */
export function sharedPythonKernel(
  begin: (ok: (code: string) => Promise<Cell>) => Promise<void> = async () => {},
): {
  /** Runs a cell, which has to end well. */
  ok: (code: string) => Promise<Cell>;
  /** Runs a cell, which has to end with an error. */
  fails: (code: string) => Promise<Cell>;
  client: () => JupyterClient;
} {
  let kernel: KernelProcess;
  let client: JupyterClient;
  const ok = async (code: string): Promise<Cell> => {
    const cell = await client.cell(code);
    assert.equal(cell.reply['status'], 'ok', cell.reply['evalue']);
    return cell;
  };
  const fails = async (code: string): Promise<Cell> => {
    const cell = await client.cell(code, { stop_on_error: false });
    assert.equal(cell.reply['status'], 'error', cell.result);
    return cell;
  };
  before(async () => {
    kernel = new KernelProcess();
    client = await kernel.client();
    await ok(`await python.use("${PYTHON}")`);
    await begin(ok);
  });
  after(() => kernel.stop());
  return { ok, fails, client: () => client };
}

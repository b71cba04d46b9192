/** A kernel whose cells use the Python that the tests are written for. */
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import type { KernelOptions, KernelProcess } from '../kernel/kernel-process.ts';

/** Debian's Python, for which python3-ipykernel and python3-torch are installed. */
export const PYTHON = process.env['TENSORCELL_TEST_PYTHON'] ?? '/usr/bin/python3';

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

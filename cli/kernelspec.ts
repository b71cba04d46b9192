import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFailure, writeWhole } from '../src/base/files/index.ts';

/** The folder's name, which clients and notebooks know the kernel by. */
export const KERNEL_NAME = 'tensorcell';

export interface Kernelspec {
  argv: string[];
  display_name: string;
  language: string;
  interrupt_mode: 'message' | 'signal';
  kernel_protocol_version: string;
  metadata: Record<string, unknown>;
  env?: Record<string, string>;
}

/** See "Kernel specs" in jupyter_client's documentation. */
function kernelspec(kernel: string, node: string = process.execPath): Kernelspec {
  return {
    argv: [node, kernel, '{connection_file}'],
    display_name: 'TypeScript (Tensorcell)',
    language: 'typescript',
    // Windows-side front ends cannot send a signal into WSL, and a message also tells which kernel is meant.
    interrupt_mode: 'message',
    // From 5.5 on a launcher may let the kernel choose its ports and register (Jupyter enhancement proposal 66).
    kernel_protocol_version: '5.5',
    // jupyter_client encrypts messages to kernels that support it, where `transport_encryption` requests it.
    metadata: { debugger: false, supported_encryption: 'curve' },
  };
}

/**
 * Registers the kernel under `prefix` (a Python environment, or the user's data folder with `share/jupyter` in it).
 * `dist` is the folder of the bundles. Returns the kernelspec's folder, and whether anything had to be written.
 */
export function registerKernel(jupyterData: string, dist: string): { folder: string; changed: boolean } {
  const kernels = join(jupyterData, 'kernels');
  const folder = join(kernels, KERNEL_NAME);
  const text = `${JSON.stringify(kernelspec(join(dist, 'kernel.cjs')), undefined, 2)}\n`;
  const logos = join(dist, 'logo');
  const names = existsSync(logos) ? readdirSync(logos) : [];
  const same =
    existsSync(join(folder, 'kernel.json')) &&
    readFileSync(join(folder, 'kernel.json'), 'utf8') === text &&
    names.every(
      (name) =>
        existsSync(join(folder, name)) &&
        readFileSync(join(folder, name)).equals(readFileSync(join(logos, name))),
    );
  if (same) return { folder, changed: false };
  mkdirSync(kernels, { recursive: true });
  // Jupyter lists folders that hold a kernel.json, dots included, so the new one is written next to the kernels folder.
  const fresh = join(jupyterData, `.tensorcell-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  try {
    for (const name of names) writeWhole(join(fresh, name), readFileSync(join(logos, name)));
    writeWhole(join(fresh, 'kernel.json'), text);
    putInPlace(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  return { folder, changed: true };
}

/** A folder cannot be renamed over another one that has files: the old one is moved away first, and back if that fails. */
function putInPlace(fresh: string, folder: string): void {
  const old = `${fresh}-old`;
  rmSync(old, { recursive: true, force: true });
  let moved = false;
  try {
    if (existsSync(folder)) {
      renameSync(folder, old);
      moved = true;
    }
    renameSync(fresh, folder);
  } catch (error) {
    if (moved) renameSync(old, folder);
    throw writeFailure(folder, error, moved);
  }
  rmSync(old, { recursive: true, force: true });
}

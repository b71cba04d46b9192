/** A copy of the installed CPU runtime that a test may damage: the shared one is never touched. */
import { cpSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findRuntime } from '../../src/machine/runtimes/store.ts';

export const runtime = findRuntime('cpu');
export const noRuntime = runtime === undefined ? 'no CPU runtime is installed' : false;
export const LIBRARY = 'tensorflow/libtensorflow_cc.so.2';

/** Makes a copy by links; where that is not possible, of the files themselves. @returns its folder in `home`. */
export function copyRuntime(home: string): string {
  const target = join(home, 'runtimes', runtime!.id);
  for (const file of [...Object.keys(runtime!.files ?? {}), 'runtime.json']) {
    const to = join(target, file);
    mkdirSync(dirname(to), { recursive: true });
    try {
      linkSync(join(runtime!.path, file), to);
    } catch {
      cpSync(join(runtime!.path, file), to);
    }
  }
  return target;
}

/** Cuts a library of the copy, never the original that it is a link to. */
export function cut(target: string, file: string, bytes: number): void {
  const path = join(target, file);
  const begin = readFileSync(path).subarray(0, bytes);
  rmSync(path);
  writeFileSync(path, begin);
}

/** A program that runs calls which may end its process, and writes a line of JSON before and after each of them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Output of such a program; calls have names, or numbers as text. */
export interface RoundLine {
  begin?: string;
  end?: string;
  /** The file that a call is about. */
  file?: string;
  error?: string;
  value?: string;
  /** The last line of a process that ends by itself. */
  alive?: number[];
}

/** Bundles a program of this folder into `folder`, which it makes. @returns the path of the bundle. */
export async function bundledProgram(name: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  // Not bundled with this file: esbuild would rewrite the bundler's own texts.
  const bundler = new URL('../../scripts/bundle-source.mjs', import.meta.url).href;
  const { bundleSource } = (await import(bundler)) as {
    bundleSource: (entries: Record<string, string>, folder: string) => Promise<void>;
  };
  await bundleSource({ child: join(here, name) }, folder);
  return join(folder, 'child.mjs');
}

/** Runs a bundle on TensorFlow's CPU build until it ends. `died`: how it ended before its last line. */
export function runRounds(
  program: string,
  args: readonly string[],
  options: { timeout: number; maxBuffer: number; env?: Record<string, string> },
): { lines: RoundLine[]; died: string | undefined; stderr: string } {
  const { env, ...limits } = options;
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [program, ...args], {
    ...limits,
    encoding: 'utf8',
    env: { ...process.env, TENSORCELL_RUNTIME: 'cpu', ...env },
  });
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as RoundLine);
  const alive = lines.at(-1)?.alive !== undefined && status === 0;
  return { lines, died: alive ? undefined : (signal ?? `exit code ${status}`), stderr };
}

/** Tensorcell's errors have a class and more than a few letters of text. */
export const NAMED_ERROR = /^\w*Error: .{10}/s;

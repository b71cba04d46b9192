import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environmentPython } from '../src/machine/runtimes/python.ts';
import type { Reporter } from './progress.ts';

/**
 * Runs JupyterLab on a folder until it ends; resolves to its exit code. Interrupts reach it through the terminal: it
 * asks before it stops, so this process must outlive them.
 */
export async function runLab(
  environment: string,
  notebooks: string,
  args: readonly string[],
  report: Reporter,
): Promise<number> {
  const own = ['-m', 'jupyterlab'];
  // In a container the user is root, and JupyterLab would refuse to start.
  if (process.getuid?.() === 0) own.push('--allow-root');
  if (existsSync(notebooks)) own.push(`--ServerApp.root_dir=${notebooks}`);
  report.say(`starting JupyterLab on ${notebooks}`);
  const child = spawn(environmentPython(environment), [...own, ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(environment, 'bin')}:${process.env['PATH'] ?? ''}` },
  });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status ?? (signal ? 1 : 0)));
  });
}

/** A Python environment with JupyterHub and the kernel gateway, kept in .cache/hub, and what their tests share. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { notebookJson } from '../notebooks/notebook-file.ts';
import { endGroup } from './child-processes.ts';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, '.cache', 'hub');
const PYTHON_PACKAGES = ['jupyterhub==6.1.1', 'jupyter-kernel-gateway==3.0.1', 'jupyterlab==4.6.6'];
const PROXY = 'configurable-http-proxy@5.3.0';

function ok(program: string, args: readonly string[], cwd = root): string {
  const done = spawnSync(program, args, { cwd, encoding: 'utf8' });
  assert.equal(done.status, 0, `${program} ${args.join(' ')}\n${done.stdout}\n${done.stderr}`);
  return done.stdout;
}

/** The environment's folder, with the kernel registered in it as an administrator does. */
export function hubEnvironment(): string {
  const environment = join(cache, 'environment');
  if (!existsSync(join(cache, 'complete'))) {
    rmSync(cache, { recursive: true, force: true });
    mkdirSync(cache, { recursive: true });
    ok('python3', ['-m', 'venv', environment]);
    ok(join(environment, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...PYTHON_PACKAGES]);
    ok('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', cache, PROXY]);
    writeFileSync(join(cache, 'complete.new'), '');
    renameSync(join(cache, 'complete.new'), join(cache, 'complete'));
  }
  ok(process.execPath, [join(root, 'dist/cli.js'), 'install', '--prefix', environment]);
  return environment;
}

/** Programs that are started for one test, in a folder of their own; `end` ends and removes all of it. */
export class Servers {
  readonly folder = mkdtempSync(join(tmpdir(), 'tensorcell-hub-'));
  readonly #children: ChildProcess[] = [];
  #said = '';

  /** What all of them printed so far. */
  get said(): string {
    return this.#said;
  }

  start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(program, args, {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: `${join(cache, 'environment/bin')}:${join(cache, 'node_modules/.bin')}:${process.env['PATH']}`,
        JUPYTER_RUNTIME_DIR: join(this.folder, 'runtime'),
        JUPYTER_CONFIG_DIR: join(this.folder, 'config'),
        TENSORCELL_HISTORY: ':memory:',
        ...env,
      },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    }
    this.#children.push(child);
    return child;
  }

  /** Asks until it gets an answer that is not undefined. */
  async until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    for (const end = Date.now() + 90_000; Date.now() < end; await sleep(200)) {
      const answer = await ask().catch(() => undefined);
      if (answer !== undefined) return answer;
    }
    throw new Error(`waited 90 s for ${what}; the servers said:\n${this.#said.slice(-6000)}`);
  }

  /** Runs a notebook of these cells through a server; resolves to its exit code and what it printed. */
  async run(
    cells: readonly string[],
    address: string,
  ): Promise<{ code: number | null; out: string; err: string }> {
    const path = join(this.folder, `notebook-${process.hrtime.bigint()}.ipynb`);
    writeFileSync(path, notebookJson(cells));
    const child = spawn(process.execPath, [join(root, 'dist/cli.js'), 'run', path, '--server', address]);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { code, out, err };
  }

  async end(): Promise<void> {
    for (const child of this.#children.toReversed()) await endGroup(child);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

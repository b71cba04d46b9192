/**
 * The packed tarball, installed as a user would: into a home of its own, without the checkout. Needs the npm registry
 * and the Python package index; how this machine reaches them stays as it is set up.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { notebookJson } from '../notebooks/notebook-file.ts';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The libraries of whoever runs the tests serve, since fetching them is tested elsewhere. */
export const runtimes = join(
  process.env['TENSORCELL_HOME'] ?? join(homedir(), '.local/share/tensorcell'),
  'runtimes',
);

export interface Done {
  code: number | null;
  out: string;
  err: string;
}

/** A user's home with an npm prefix. `remove` takes all of it away. */
export class TestHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'tensorcell-package-'));
  readonly home = join(this.folder, 'home');
  readonly prefix = join(this.folder, 'npm');
  /** Where Tensorcell keeps what it keeps: the place that a user who sets nothing has. */
  readonly own = join(this.home, '.local/share/tensorcell');
  readonly environment: NodeJS.ProcessEnv;

  constructor() {
    mkdirSync(this.home, { recursive: true });
    mkdirSync(this.prefix);
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(TENSORCELL_|JUPYTER|XDG_|VIRTUAL_ENV$|NODE_TEST_CONTEXT$)/.test(name),
    );
    this.environment = {
      ...Object.fromEntries(inherited),
      HOME: this.home,
      NPM_CONFIG_USERCONFIG: join(homedir(), '.npmrc'),
      npm_config_cache: join(this.folder, 'npm-cache'),
      PIP_CACHE_DIR: join(homedir(), '.cache/pip'),
      PATH: `${join(this.prefix, 'bin')}:${process.env['PATH']}`,
      TENSORCELL_HEADLESS: '1',
    };
  }

  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = this.home): Done {
    const done = spawnSync(program, args, {
      cwd,
      env: { ...this.environment, ...env },
      encoding: 'utf8',
      timeout: 400_000,
    });
    return { code: done.status, out: done.stdout, err: done.stderr };
  }

  /** As `run`, and fails the test with what was printed unless it ended well. */
  ok(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = this.home): string {
    const done = this.run(program, args, env, cwd);
    assert.equal(done.code, 0, `${program} ${args.join(' ')}\n${done.out}\n${done.err}`);
    return done.out;
  }

  start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(program, args, {
      cwd: this.home,
      env: { ...this.environment, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Packs a folder; returns the tarball's path, its bytes, and the paths in it. */
  pack(folder = root): { tarball: string; bytes: number; paths: string[] } {
    const packed = this.ok('npm', ['pack', '--json', '--pack-destination', this.folder], {}, folder);
    const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
    const tarball = join(this.folder, filename);
    return { tarball, bytes: statSync(tarball).size, paths: files.map(({ path }) => path) };
  }

  install(tarball: string, prefix = this.prefix): void {
    const args = ['install', '--global', '--prefix', prefix, '--ignore-scripts', '--loglevel=error'];
    this.ok('npm', [...args, '--no-audit', '--no-fund', tarball]);
  }

  /** Writes a notebook of code cells into the home and returns its path. */
  notebook(name: string, cells: readonly string[], tags: readonly string[] = []): string {
    const path = join(this.home, name);
    const [first = '', ...rest] = cells;
    writeFileSync(path, notebookJson(tags.length > 0 ? [{ source: first, tags }, ...rest] : cells));
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The version that package.json names. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

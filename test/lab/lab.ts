/**
 * A real JupyterLab from .venv on a temporary copy of some notebooks, and a headless Chromium that opens it.
 * `npm run setup` has to have made .venv. Used like this:
 *
 *   const lab = await startLab({ notebooks: ['notebooks/01-first-network.ipynb'] });
 *   const page = await lab.open('01-first-network.ipynb');
 *   await page.runAll();
 *   await lab.close();
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { notebookJson } from '../notebooks/notebook-file.ts';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const output = join(root, 'test-output', 'lab');

/** Generous: other tests may run at the same time. */
export const PATIENCE = 60_000;

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface LabOptions {
  /** Files or folders, relative to the checkout, that are copied to the server's root. */
  notebooks?: readonly string[];
  /** More variables for the server and its kernels. */
  env?: Record<string, string>;
}

/** Outputs as the notebook file has them. */
export interface CellJson {
  cell_type: string;
  source: string | string[];
  execution_count?: number | null;
  outputs?: {
    output_type: string;
    name?: string;
    text?: string | string[];
    data?: Record<string, string | string[]>;
    ename?: string;
    evalue?: string;
    traceback?: string[];
  }[];
}

/** All text that a cell shows: streams, plain results, errors. */
export function cellText(cell: CellJson): string {
  const join_ = (text: string | string[] | undefined): string =>
    Array.isArray(text) ? text.join('') : (text ?? '');
  return (cell.outputs ?? [])
    .map((out) =>
      out.output_type === 'error'
        ? `${out.ename}: ${out.evalue}`
        : join_(out.text) || join_(out.data?.['text/plain']),
    )
    .join('\n');
}

interface ServerInfo {
  url: string;
  token: string;
}

async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limit = PATIENCE,
): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${limit / 1000} s for ${what}`);
    await sleep(100);
  }
}

export class Lab {
  readonly folder: string;
  readonly #server: ChildProcess;
  readonly #home: string;
  readonly #info: ServerInfo;
  readonly #browser: Browser;

  constructor(folder: string, home: string, server: ChildProcess, info: ServerInfo, browser: Browser) {
    this.folder = folder;
    this.#home = home;
    this.#server = server;
    this.#info = info;
    this.#browser = browser;
  }

  /** Writes a notebook with these cells into the server's root. */
  write(name: string, cells: readonly string[], kernel?: string): void {
    writeFileSync(join(this.folder, name), notebookJson(cells, kernel));
  }

  /** Opens a notebook in a new browser window and waits until its kernel is idle. */
  async open(name: string, size = { width: 1280, height: 900 }): Promise<LabPage> {
    const page = await this.#browser.newPage({ viewport: size });
    page.setDefaultTimeout(PATIENCE);
    const workspace = `w${Date.now()}`;
    await page.goto(
      `${this.#info.url}lab/workspaces/${workspace}/tree/${encodeURIComponent(name)}?token=${this.#info.token}`,
    );
    await page.waitForSelector('.jp-Notebook .jp-Cell');
    const opened = new LabPage(page, name);
    await opened.waitForIdle();
    return opened;
  }

  /** Kernels that the server has running. */
  async kernels(): Promise<{ id: string; name: string; execution_state: string }[]> {
    const answer = await fetch(`${this.#info.url}api/kernels?token=${this.#info.token}`);
    return (await answer.json()) as { id: string; name: string; execution_state: string }[];
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.kill('SIGTERM');
    await until(
      'JupyterLab to end',
      () => (this.#server.exitCode ?? this.#server.signalCode) !== null || undefined,
      20_000,
    ).catch(() => this.#server.kill('SIGKILL'));
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class LabPage {
  readonly page: Page;
  readonly name: string;

  constructor(page: Page, name: string) {
    this.page = page;
    this.name = name;
  }

  /** Runs one of JupyterLab's commands, as its menus do. */
  async command(id: string): Promise<void> {
    await this.page.evaluate(
      (command) => (globalThis as unknown as { jupyterapp: App }).jupyterapp.commands.execute(command),
      id,
    );
  }

  /** Resolves once the kernel is idle and nothing waits to run. */
  async waitForIdle(limit = PATIENCE): Promise<void> {
    await until(
      `${this.name}'s kernel to be idle`,
      async () =>
        ((await this.page.evaluate(() => {
          const app = (globalThis as unknown as { jupyterapp?: App }).jupyterapp;
          const kernel = app?.shell.currentWidget?.sessionContext?.session?.kernel;
          return kernel?.status === 'idle' && kernel.connectionStatus === 'connected';
        })) &&
          (await this.page.locator('.jp-InputPrompt', { hasText: '[*]' }).count()) === 0) ||
        undefined,
      limit,
    );
  }

  /** Runs every cell from the menu's command and waits until the last has ended. */
  async runAll(limit = PATIENCE): Promise<void> {
    const before = await this.counts();
    await this.command('notebook:run-all-cells');
    const sources = (await this.cells()).filter(
      ({ cell_type, source }) => cell_type === 'code' && source.length > 0,
    );
    await until(
      'every cell to have run',
      async () => {
        const cells = await this.cells();
        const counts = cells.map(({ execution_count }) => execution_count ?? null);
        const failed = cells.some(({ outputs }) =>
          outputs?.some(({ output_type }) => output_type === 'error'),
        );
        const ran = counts.filter((count, at) => count !== null && count !== before[at]).length;
        return failed || ran >= sources.length || undefined;
      },
      limit,
    );
    await this.waitForIdle(limit);
  }

  async counts(): Promise<(number | null)[]> {
    return (await this.cells()).map(({ execution_count }) => execution_count ?? null);
  }

  /** The notebook as it stands in the page, also what is scrolled away. */
  async cells(): Promise<CellJson[]> {
    const json = await this.page.evaluate(() =>
      JSON.stringify(
        (
          globalThis as unknown as { jupyterapp: App }
        ).jupyterapp.shell.currentWidget?.content?.model?.toJSON(),
      ),
    );
    return (JSON.parse(json) as { cells: CellJson[] }).cells;
  }

  /** Waits until the text of a cell's outputs matches. */
  async waitForText(cell: number, pattern: RegExp, limit = PATIENCE): Promise<string> {
    return until(
      `${pattern} in cell ${cell}`,
      async () => {
        const found = (await this.cells())[cell];
        const text = found ? cellText(found) : '';
        return pattern.test(text) ? text : undefined;
      },
      limit,
    );
  }

  /** Puts the cursor at the end of a cell's editor. */
  async focusCell(cell: number): Promise<void> {
    const editor = this.page.locator('.jp-Notebook .jp-CodeCell').nth(cell).locator('.cm-content');
    await editor.click();
    await this.page.keyboard.press('Control+End');
  }

  /** Runs one cell as a user does, without waiting for its end. */
  async startCell(cell: number): Promise<void> {
    await this.focusCell(cell);
    await this.page.keyboard.press('Control+Enter');
  }

  /** Saves what the window shows under test-output/lab, or where `TENSORCELL_IMAGES` says. */
  async screenshot(name: string): Promise<string> {
    const folder = process.env['TENSORCELL_IMAGES'] ?? output;
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  async close(): Promise<void> {
    await this.page.close();
  }
}

/** The used parts of JupyterLab's application object (`--LabApp.expose_app_in_browser`). */
interface App {
  commands: { execute(id: string): Promise<unknown> };
  shell: {
    currentWidget?: {
      sessionContext?: { session?: { kernel?: { status: string; connectionStatus: string } } };
      content?: { model?: { toJSON(): unknown } };
    };
  };
}

/** Starts JupyterLab and Chromium; everything that they write is in a temporary folder that `close` removes. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const python = join(root, '.venv', 'bin', 'python');
  assert.ok(existsSync(python), 'there is no .venv: npm run setup');
  const executablePath = CHROMIUM.find((path) => existsSync(path));
  assert.ok(executablePath, 'there is no Chromium: sudo apt install chromium');
  const home = mkdtempSync(join(tmpdir(), 'tensorcell-lab-'));
  const folder = join(home, 'notebooks');
  mkdirSync(folder);
  for (const path of options.notebooks ?? [])
    cpSync(join(root, path), join(folder, basename(path)), { recursive: true });
  // Where the tutorials find their data in a checkout: in the packages above them.
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  const runtime = join(home, 'runtime');
  const log: string[] = [];
  const server = spawn(
    python,
    [
      '-m',
      'jupyterlab',
      '--no-browser',
      '--allow-root',
      '--ServerApp.ip=127.0.0.1',
      '--ServerApp.port=0',
      `--ServerApp.root_dir=${folder}`,
      '--LabApp.expose_app_in_browser=True',
    ],
    {
      cwd: home,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        JUPYTER_CONFIG_DIR: join(home, 'config'),
        JUPYTER_DATA_DIR: join(home, 'data'),
        JUPYTER_RUNTIME_DIR: runtime,
        IPYTHONDIR: join(home, 'ipython'),
        TENSORCELL_HISTORY: ':memory:',
        ...options.env,
      },
    },
  );
  for (const stream of [server.stdout, server.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => log.push(text));
  try {
    const info = await until('JupyterLab to listen', () => {
      if (server.exitCode !== null) throw new Error(`JupyterLab ended at once:\n${log.join('')}`);
      if (!existsSync(runtime)) return undefined;
      const file = readdirSync(runtime).find((name) => /^jpserver-\d+\.json$/.test(name));
      if (!file) return undefined;
      try {
        return JSON.parse(readFileSync(join(runtime, file), 'utf8')) as ServerInfo;
      } catch {
        return undefined; // being written
      }
    });
    const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
    return new Lab(folder, home, server, info, browser);
  } catch (error) {
    server.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

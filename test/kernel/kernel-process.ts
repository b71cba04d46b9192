/** A real kernel process for one test, in a new folder. */
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JupyterClient, within } from './jupyter-client.ts';
import type { ConnectionFile } from './jupyter-client.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface KernelOptions {
  connection?: Record<string, unknown>;
  /** A connection file that is there already. */
  connectionFile?: string;
  environment?: Record<string, string>;
  /** Files of the notebook's folder. */
  files?: Record<string, string>;
  folders?: string[];
  /** Messages that the kernel may log; anything else on its stderr fails the test. */
  mayLog?: RegExp;
  /** In a separate process group, which can be signalled as a whole. */
  ownGroup?: boolean;
  /** Folder of the bundles, if not that of the checkout. */
  dist?: string;
  /** Runs under this user id, with nothing in the environment that names a user or a home. Root only. */
  user?: number;
}

export class KernelProcess {
  readonly folder: string;
  readonly child: ChildProcess;
  readonly connectionFile: string;
  readonly mayLog: RegExp | undefined;
  stderr = '';
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #clients: JupyterClient[] = [];

  constructor(options: KernelOptions = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'tensorcell-kernel-'));
    for (const [name, text] of Object.entries(options.files ?? {}))
      writeFileSync(join(this.folder, name), text);
    for (const name of options.folders ?? []) mkdirSync(join(this.folder, name));
    this.connectionFile = options.connectionFile ?? join(this.folder, 'connection.json');
    this.mayLog = options.mayLog;
    const connection = {
      transport: 'tcp',
      ip: '127.0.0.1',
      key: randomUUID(),
      signature_scheme: 'hmac-sha256',
      shell_port: 0,
      control_port: 0,
      stdin_port: 0,
      iopub_port: 0,
      hb_port: 0,
      ...options.connection,
    };
    if (options.connectionFile === undefined)
      writeFileSync(this.connectionFile, JSON.stringify(connection), { mode: 0o600 });
    const { user } = options;
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      TENSORCELL_HISTORY: join(this.folder, 'history.sqlite'),
      ...options.environment,
    };
    if (user !== undefined) {
      for (const path of [this.folder, this.connectionFile]) chownSync(path, user, user);
      for (const name of ['HOME', 'USER', 'LOGNAME']) delete environment[name];
    }
    const words = [
      join(options.dist ?? join(root, 'dist'), 'kernel.cjs'),
      '--connection-file',
      this.connectionFile,
    ];
    this.child = spawn(process.execPath, words, {
      cwd: this.folder,
      detached: options.ownGroup ?? false,
      stdio: ['ignore', 'inherit', 'pipe'],
      env: environment,
      ...(user === undefined ? {} : { uid: user, gid: user }),
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = new Promise((resolve) =>
      this.child.once('exit', (code, signal) => resolve({ code, signal })),
    );
  }

  /** The file with the ports that the kernel chose. */
  async connection(): Promise<ConnectionFile> {
    const ready = async (): Promise<ConnectionFile> => {
      for (;;) {
        assert.equal(this.child.exitCode ?? this.child.signalCode, null, `the kernel ended: ${this.stderr}`);
        const connection = JSON.parse(readFileSync(this.connectionFile, 'utf8')) as ConnectionFile;
        if (connection.shell_port > 0) return connection;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    return await within(ready(), 'connection file with ports');
  }

  async client(): Promise<JupyterClient> {
    const client = new JupyterClient(await this.connection());
    this.#clients.push(client);
    await client.connect();
    return client;
  }

  /** Files that are still in the kernel's folder besides those that belong there. */
  filesLeft(): string[] {
    return readdirSync(this.folder).filter((name) => !/^(connection\.json|history\.sqlite)$/.test(name));
  }

  /** Asks it to end, and fails on unexpected output: messages, log lines, an exit code. */
  async stop(): Promise<void> {
    const [client] = this.#clients;
    try {
      if (client && this.child.exitCode === null && this.child.signalCode === null) {
        const shutdown = await client.request('control', 'shutdown_request', { restart: false });
        assert.deepEqual(shutdown.reply!.content, { status: 'ok', restart: false });
        assert.deepEqual(await within(this.exited, 'end of the kernel process'), { code: 0, signal: null });
      }
      const leftOver = this.#clients.flatMap((each) => each.leftOver());
      assert.deepEqual(
        leftOver.map(({ type, content, parent }) => ({ type, content, parent })),
        [],
        'messages that the test did not expect',
      );
      const logged = this.stderr.split('\n').filter((line) => line !== '' && !this.mayLog?.test(line));
      assert.deepEqual(logged, [], 'log lines that the test did not expect');
    } finally {
      this.kill();
    }
  }

  kill(): void {
    for (const client of this.#clients) client.close();
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a test with a new kernel and one client. */
export async function withKernel(
  test: (client: JupyterClient, kernel: KernelProcess) => Promise<void>,
  options: KernelOptions = {},
): Promise<void> {
  const kernel = new KernelProcess(options);
  try {
    await test(await kernel.client(), kernel);
    await kernel.stop();
  } catch (error) {
    if (kernel.stderr) console.error(`kernel's stderr:\n${kernel.stderr}`);
    throw error;
  } finally {
    kernel.kill();
  }
}

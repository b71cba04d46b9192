import { constants } from 'node:os';
import { basename, resolve } from 'node:path';
import { KernelAPI, KernelConnection, ServerConnection } from '@jupyterlab/services';
import { CellOutputs } from './cell-outputs.ts';
import {
  cellSource,
  parameterLines,
  readNotebook,
  withParameters,
  type Notebook,
  type NotebookCell,
} from './notebook.ts';
import { writeWhole } from '../src/base/files/index.ts';
import { SetupError } from '../src/machine/runtimes/python.ts';
import type { JupyterServer } from './server.ts';

export interface RunOptions {
  notebook: string;
  /** Where the executed notebook goes; nowhere when undefined. */
  output?: string | undefined;
  parameters: readonly (readonly [string, string])[];
  /** The kernelspec to run it with; the notebook's own otherwise. */
  kernel?: string | undefined;
  server: JupyterServer;
  /** Cells' printed text. */
  print: (text: string) => void;
  /** Reports progress to the user who waits. */
  say: (line: string) => void;
}

/**
 * Executes a notebook from top to bottom through a Jupyter server, and stops at the first error. Resolves to the exit
 * code: 0, 1 after an error in a cell or one that no code handled, 130 when it was interrupted, 128 and the signal's
 * number when a signal ended it.
 */
export async function runNotebook(options: RunOptions): Promise<number> {
  const notebook = withParameters(readNotebook(options.notebook), parameterLines(options.parameters));
  const { kernel, name } = await startKernel(options, notebook);
  const lost = lossOf(kernel, name);
  const signals = watchSignals(() => void kernel.interrupt().catch(() => undefined));
  const run = new NotebookRun(kernel, notebook, options);
  try {
    return await Promise.race([run.cells(signals), lost, signals.ended]);
  } finally {
    signals.stop();
    if (options.output) saveNotebook(notebook, options.output);
    await kernel.shutdown().catch(() => undefined);
    kernel.dispose();
  }
}

async function startKernel(
  options: RunOptions,
  notebook: Notebook,
): Promise<{ kernel: KernelConnection; name: string }> {
  const { url, token } = options.server;
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: url,
    wsUrl: url.replace(/^http/, 'ws'),
    token,
    // Not in the address: servers log those, and a JupyterHub refuses a token in one.
    appendToken: false,
    WebSocket: authorizedSocket(token),
  });
  const name = options.kernel ?? notebook.metadata.kernelspec?.name ?? 'tensorcell';
  const path = basename(options.notebook);
  const model = await KernelAPI.startNew({ name, path } as { name: string }, serverSettings).catch(
    (error: unknown) => {
      throw new SetupError(
        'no-server',
        `${url} did not start the kernel "${name}": ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    },
  );
  return { kernel: new KernelConnection({ model, serverSettings }), name };
}

interface SignalWatch {
  /** A SIGINT has come. */
  interrupted(): boolean;
  /** Resolves to the exit code when a signal asks this process to end. */
  readonly ended: Promise<number>;
  stop(): void;
}

/** Listens until `stop`: SIGINT interrupts the notebook, SIGTERM and SIGHUP end the run. */
function watchSignals(interrupt: () => void): SignalWatch {
  let interrupted = false;
  let end: (code: number) => void;
  const ended = new Promise<number>((resolve) => (end = resolve));
  const listeners: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGINT: () => {
      interrupted = true;
      interrupt();
    },
    SIGTERM: () => end(128 + constants.signals.SIGTERM),
    SIGHUP: () => end(128 + constants.signals.SIGHUP),
  };
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener);
  return {
    interrupted: () => interrupted,
    ended,
    stop() {
      for (const [signal, listener] of Object.entries(listeners)) process.off(signal, listener);
    },
  };
}

/** One execution of a notebook's cells. */
class NotebookRun {
  readonly #kernel: KernelConnection;
  readonly #notebook: Notebook;
  readonly #options: RunOptions;
  /** By id of the request: what comes after a cell's idle still goes to that cell. */
  readonly #outputs = new Map<string, CellOutputs>();
  #failed = false;

  constructor(kernel: KernelConnection, notebook: Notebook, options: RunOptions) {
    this.#kernel = kernel;
    this.#notebook = notebook;
    this.#options = options;
    kernel.iopubMessage.connect((_sender, message) => {
      const { msg_id: request } = message.parent_header as { msg_id?: string };
      this.#outputs.get(request ?? '')?.add(message);
      if (message.header.msg_type === 'error') this.#failed = true;
    });
  }

  /** Resolves to the exit code. */
  async cells(signals: SignalWatch): Promise<number> {
    const { say } = this.#options;
    const { cells } = this.#notebook;
    const code = cells.filter((cell) => cell.cell_type === 'code' && cellSource(cell).trim() !== '');
    for (const [at, cell] of code.entries()) {
      const start = performance.now();
      const first = cellSource(cell).trim().split('\n')[0] ?? '';
      say(`[${at + 1}/${code.length}] ${first.slice(0, 70)}`);
      const reply = await this.#execute(cell);
      say(`      ${((performance.now() - start) / 1000).toFixed(1)} s`);
      if (reply.status === 'ok') continue;
      this.#report(reply);
      say(`the notebook stopped at cell ${cells.indexOf(cell) + 1}: ${first}`);
      return signals.interrupted() ? 130 : 1;
    }
    // An error that no code handles may come after the last cell: an empty one fails with it.
    const last = await this.#request('', false);
    if (last.status !== 'ok') this.#report(last);
    return signals.interrupted() ? 130 : this.#failed ? 1 : 0;
  }

  async #execute(cell: NotebookCell): Promise<ExecuteReply> {
    const outputs = new CellOutputs(cell, this.#options.print);
    const reply = await this.#request(cellSource(cell), true, outputs);
    cell.execution_count = reply.execution_count ?? null;
    return reply;
  }

  async #request(code: string, numbered: boolean, outputs?: CellOutputs): Promise<ExecuteReply> {
    const future = this.#kernel.requestExecute({
      code,
      stop_on_error: true,
      // Tells the kernel that a program executes the notebook (kernel/session/unattended.ts).
      allow_stdin: false,
      store_history: numbered,
    });
    if (outputs) this.#outputs.set(future.msg.header.msg_id, outputs);
    return (await future.done).content as ExecuteReply;
  }

  #report({ traceback = [] }: ExecuteReply): void {
    this.#failed = true;
    this.#options.say(traceback.join('\n'));
  }
}

interface ExecuteReply {
  status: string;
  execution_count?: number;
  traceback?: string[];
}

/** The sockets of Jupyter's client, with the token in a header as its other requests have it. */
function authorizedSocket(token: string): typeof WebSocket {
  const Socket = ServerConnection.makeSettings().WebSocket as unknown as new (
    address: string,
    protocols: string | string[] | undefined,
    options: { headers: Record<string, string> },
  ) => WebSocket;
  const headers: Record<string, string> = token === '' ? {} : { Authorization: `token ${token}` };
  return class extends Socket {
    constructor(address: string, protocols?: string | string[]) {
      super(address, protocols, { headers });
    }
  } as unknown as typeof WebSocket;
}

/**
 * Rejects when the kernel is gone for good, which settles nothing that waits for its answers. Jupyter restarts a kernel
 * that died, up to five times when it does so at its start, and then knows it no more.
 */
function lossOf(kernel: KernelConnection, name: string): Promise<never> {
  const lost = new Promise<never>((_, reject) => {
    const give = (what: string): void =>
      reject(
        new SetupError(
          'no-server',
          `the kernel "${name}" ${what}: see what the server printed, and "tensorcell doctor"`,
        ),
      );
    kernel.connectionStatusChanged.connect((_sender, status) => {
      if (status === 'disconnected') give('is not reachable any more');
      if (status !== 'connecting') return;
      void isKnown(kernel).then((known) => {
        if (!known) give('died');
        return known;
      });
    });
    kernel.statusChanged.connect((_sender, status) => {
      if (status === 'dead' || status === 'autorestarting') give('died');
    });
  });
  lost.catch(() => undefined);
  return lost;
}

/** False when the server says that it has no such kernel; a server that does not answer is asked again later. */
async function isKnown(kernel: KernelConnection): Promise<boolean> {
  try {
    return (await KernelAPI.getKernelModel(kernel.id, kernel.serverSettings)) !== undefined;
  } catch {
    return true;
  }
}

/** @throws FileError; the file that was there before is kept then */
export function saveNotebook(notebook: Notebook, path: string): void {
  for (const cell of notebook.cells) for (const output of cell.outputs ?? []) delete output['display_id'];
  writeWhole(resolve(path), `${JSON.stringify(notebook, undefined, 1)}\n`);
}

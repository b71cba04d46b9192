import { basename, resolve } from 'node:path';
import { KernelAPI, KernelConnection, ServerConnection, type KernelMessage } from '@jupyterlab/services';
import {
  cellSource,
  parameterLines,
  readNotebook,
  withParameters,
  type Notebook,
  type NotebookCell,
} from './notebook.ts';
import { writeWhole } from '../files/index.ts';
import { SetupError } from '../runtimes/python.ts';
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
  /** What happens, for the person who waits. */
  say: (line: string) => void;
}

/**
 * Executes a notebook from top to bottom through a Jupyter server, and stops at the first error. Resolves to the exit
 * code: 0, 1 after an error in a cell, 130 when it was interrupted.
 */
export async function runNotebook(options: RunOptions): Promise<number> {
  const notebook = withParameters(readNotebook(options.notebook), parameterLines(options.parameters));
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
      throw new SetupError('no-server', `${url} started no kernel "${name}": ${(error as Error).message}`, {
        cause: error,
      });
    },
  );
  const kernel = new KernelConnection({ model, serverSettings });
  const lost = lossOf(kernel, name);
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    kernel.interrupt().catch(() => undefined);
  };
  process.on('SIGINT', interrupt);
  const cells = notebook.cells.filter((cell) => cell.cell_type === 'code' && cellSource(cell).trim() !== '');
  let failed = false;
  try {
    for (const [at, cell] of cells.entries()) {
      const start = performance.now();
      const first = cellSource(cell).trim().split('\n')[0] ?? '';
      options.say(`[${at + 1}/${cells.length}] ${first.slice(0, 70)}`);
      const future = kernel.requestExecute({
        code: cellSource(cell),
        stop_on_error: true,
        allow_stdin: false,
      });
      cell.outputs = [];
      let clearNext = false;
      future.onIOPub = (message) => {
        if (message.header.msg_type === 'clear_output') {
          clearNext = (message as KernelMessage.IClearOutputMsg).content.wait;
          if (!clearNext) cell.outputs = [];
          return;
        }
        const output = outputOf(message);
        if (!output) return;
        if (clearNext) cell.outputs = [];
        clearNext = false;
        addOutput(cell, output, options.print);
      };
      const reply = await Promise.race([future.done, lost]);
      cell.execution_count = (reply.content as { execution_count?: number }).execution_count ?? null;
      options.say(`      ${((performance.now() - start) / 1000).toFixed(1)} s`);
      if (reply.content.status !== 'ok') {
        failed = true;
        const { traceback = [] } = reply.content as { traceback?: string[] };
        options.say(traceback.join('\n'));
        options.say(`the notebook stopped at cell ${notebook.cells.indexOf(cell) + 1}: ${first}`);
        break;
      }
    }
  } finally {
    process.off('SIGINT', interrupt);
    if (options.output) saveNotebook(notebook, options.output);
    await kernel.shutdown().catch(() => undefined);
    kernel.dispose();
  }
  return interrupted ? 130 : failed ? 1 : 0;
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
      if (status === 'disconnected') give('cannot be reached any more');
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

/** A message as the notebook file has it; undefined for those that leave nothing in it. */
function outputOf(message: KernelMessage.IIOPubMessage): Record<string, unknown> | undefined {
  const { content } = message as { content: Record<string, unknown> };
  switch (message.header.msg_type) {
    case 'stream':
      return { output_type: 'stream', name: content['name'], text: content['text'] };
    case 'execute_result':
    case 'display_data':
    case 'update_display_data': {
      const { data, metadata, execution_count } = content;
      const transient = content['transient'] as { display_id?: string } | undefined;
      const type = message.header.msg_type;
      return {
        output_type: type,
        data,
        metadata,
        ...(type === 'execute_result' ? { execution_count } : {}),
        ...(transient?.display_id ? { display_id: transient.display_id } : {}),
      };
    }
    case 'error': {
      const { ename, evalue, traceback } = content;
      return { output_type: 'error', ename, evalue, traceback };
    }
    default:
      return undefined;
  }
}

function addOutput(cell: NotebookCell, output: Record<string, unknown>, print: (text: string) => void): void {
  const outputs = (cell.outputs ??= []);
  const last = outputs.at(-1);
  if (output['output_type'] === 'stream') {
    print(String(output['text']));
    if (last?.['output_type'] === 'stream' && last['name'] === output['name']) {
      last['text'] = `${String(last['text'])}${String(output['text'])}`;
      return;
    }
  } else if (output['output_type'] === 'update_display_data') {
    for (const shown of outputs.filter(({ display_id }) => display_id === output['display_id'])) {
      Object.assign(shown, { data: output['data'], metadata: output['metadata'] });
    }
    return;
  } else {
    const text = (output['data'] as Record<string, unknown> | undefined)?.['text/plain'];
    if (typeof text === 'string' && output['output_type'] === 'execute_result') print(`${text}\n`);
  }
  outputs.push(output);
}

/** @throws FileError; the file that was there before is kept then */
export function saveNotebook(notebook: Notebook, path: string): void {
  for (const cell of notebook.cells) for (const output of cell.outputs ?? []) delete output['display_id'];
  writeWhole(resolve(path), `${JSON.stringify(notebook, undefined, 1)}\n`);
}

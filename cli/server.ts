import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { environmentPython, SetupError } from '../src/machine/runtimes/python.ts';

export interface JupyterServer {
  /** Ends with a slash. */
  url: string;
  token: string;
  close(): Promise<void>;
}

/**
 * Runs the server and ends it when standard input does: the end of a pipe is the one sign of our death that SIGKILL
 * gives too. Kernels end with their server.
 */
const SERVER_PROGRAM = `
import os, shutil, signal, sys, threading, time

def end():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    shutil.rmtree(os.environ["JUPYTER_RUNTIME_DIR"], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=end, daemon=True).start()
from jupyter_server.serverapp import main
try:
    main()
finally:
    shutil.rmtree(os.environ["JUPYTER_RUNTIME_DIR"], ignore_errors=True)
`;

/** Time that a server may take to listen on a slow machine. */
const START_MS = 60_000;

/** Starts our Jupyter server on a free port of this machine, with a new token; `close` ends it. */
export async function startServer(environment: string, folder: string): Promise<JupyterServer> {
  const runtime = mkdtempSync(join(tmpdir(), 'tensorcell-run-'));
  const own = process.getuid?.() === 0 ? ['--allow-root'] : [];
  const server = spawn(
    environmentPython(environment),
    [
      '-c',
      SERVER_PROGRAM,
      '--ServerApp.ip=127.0.0.1',
      '--ServerApp.port=0',
      `--ServerApp.root_dir=${folder}`,
      ...own,
    ],
    {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, JUPYTER_RUNTIME_DIR: runtime },
      detached: true,
    },
  );
  let errors = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
  const close = async (): Promise<void> => {
    await end(server);
    rmSync(runtime, { recursive: true, force: true });
  };
  for (const start = Date.now(); Date.now() - start < START_MS; await sleep(50)) {
    if (server.exitCode !== null) break;
    const file = readdirSync(runtime).find((name) => /^jpserver-\d+\.json$/.test(name));
    if (!file) continue;
    try {
      const { url, token } = JSON.parse(readFileSync(join(runtime, file), 'utf8')) as JupyterServer;
      return { url, token, close };
    } catch {
      // Being written.
    }
  }
  await close();
  throw new SetupError('usage', `the Jupyter server in ${environment} did not start; its output:\n${errors}`);
}

/** It has a separate process group, so that a Ctrl-C for us reaches the notebook and not the server below it. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGTERM');
  for (let waited = 0; waited < 100; waited++) {
    if (server.exitCode !== null || server.signalCode !== null) return;
    await sleep(50);
  }
  server.kill('SIGKILL');
}

/** A server that runs already: `http://host:8888/?token=…`, as Jupyter prints it. */
export function givenServer(address: string): JupyterServer {
  let url: URL;
  try {
    url = new URL(address);
  } catch (error) {
    throw new SetupError(
      'usage',
      `"${address}" is not the address of a server: give it as Jupyter prints it, with its token`,
      {
        cause: error,
      },
    );
  }
  const token = url.searchParams.get('token') ?? process.env['JUPYTER_TOKEN'] ?? '';
  const path = url.pathname.replace(/(lab|tree)(\/.*)?$/, '');
  return {
    url: `${url.origin}${path.endsWith('/') ? path : `${path}/`}`,
    token,
    close: () => Promise.resolve(),
  };
}

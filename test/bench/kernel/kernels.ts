import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchClient, type Connection } from './client.ts';

export interface Peer {
  name: string;
  language: 'typescript' | 'python';
  command: (connectionFile: string) => string[];
  /** Where it starts, if not in a fresh folder: tslab finds the types of Node only in its folder. */
  directory?: string;
}

const PEERS = { tslab: '1.0.22', deno: '2.9.6' };

/** Puts the peers that npm has into `.cache/bench`, once, and prints a line. */
function installPeers(folder: string): void {
  if (existsSync(join(folder, 'node_modules', 'tslab')) && existsSync(join(folder, 'node_modules', 'deno')))
    return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  console.log('installing the peers into .cache/bench…');
  const packages = Object.entries(PEERS).map(([name, version]) => `${name}@${version}`);
  const { status } = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', ...packages],
    {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (status !== 0) console.log('npm could not install them: they are skipped');
}

function denoBinary(folder: string): string | undefined {
  const scope = join(folder, 'node_modules', '@deno');
  if (!existsSync(scope)) return undefined;
  return readdirSync(scope)
    .map((name) => join(scope, name, 'deno'))
    .find((path) => existsSync(path) && spawnSync(path, ['--version']).status === 0);
}

function pythonWithKernel(root: string): string | undefined {
  return [join(root, '.venv', 'bin', 'python'), 'python3'].find(
    (python) => spawnSync(python, ['-c', 'import ipykernel']).status === 0,
  );
}

/** Us and every peer that this machine has; what is absent is said. */
export function findKernels(root: string): Peer[] {
  const folder = join(root, '.cache', 'bench');
  installPeers(folder);
  const kernels: Peer[] = [
    {
      name: 'tensorcell',
      language: 'typescript',
      command: (file) => [process.execPath, join(root, 'dist', 'kernel.cjs'), file],
    },
  ];
  const tslab = join(folder, 'node_modules', 'tslab', 'bin', 'tslab');
  if (existsSync(tslab)) {
    kernels.push({
      name: 'tslab',
      language: 'typescript',
      directory: folder,
      command: (file) => [process.execPath, tslab, 'kernel', `--config-path=${file}`],
    });
  } else console.log('absent: tslab');
  const deno = denoBinary(folder);
  if (deno !== undefined) {
    kernels.push({
      name: 'deno',
      language: 'typescript',
      command: (file) => [deno, 'jupyter', '--kernel', '--conn', file],
    });
  } else console.log('absent: deno');
  const python = pythonWithKernel(root);
  if (python !== undefined) {
    kernels.push({
      name: 'ipykernel',
      language: 'python',
      command: (file) => [python, '-m', 'ipykernel_launcher', '-f', file],
    });
  } else console.log('absent: ipykernel (neither .venv nor python3 has it)');
  return kernels;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((done) => {
          const server = createServer().listen(0, '127.0.0.1', () => done(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

export class RunningKernel {
  readonly started: number;
  readonly client: BenchClient;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, client: BenchClient, started: number, folder: string) {
    this.#child = child;
    this.client = client;
    this.started = started;
    this.#folder = folder;
  }

  static async start(peer: Peer): Promise<RunningKernel> {
    const [shell = 0, iopub = 0, stdin = 0, control = 0, heartbeat = 0] = await freePorts(5);
    const connection: Connection = {
      ip: '127.0.0.1',
      transport: 'tcp',
      shell_port: shell,
      iopub_port: iopub,
      stdin_port: stdin,
      control_port: control,
      hb_port: heartbeat,
      key: randomUUID(),
      signature_scheme: 'hmac-sha256',
    };
    const folder = mkdtempSync(join(tmpdir(), 'tensorcell-bench-'));
    const file = join(folder, 'connection.json');
    writeFileSync(file, JSON.stringify({ ...connection, kernel_name: peer.name }), { mode: 0o600 });
    const [program = '', ...args] = peer.command(file);
    const client = new BenchClient(connection);
    const started = performance.now();
    const child = spawn(program, args, {
      cwd: peer.directory ?? folder,
      stdio: ['ignore', 'ignore', 'ignore'],
      detached: true,
      env: {
        ...process.env,
        TENSORCELL_HISTORY: ':memory:',
        IPYTHONDIR: join(folder, 'ipython'),
        NO_COLOR: '1',
      },
    });
    return new RunningKernel(child, client, started, folder);
  }

  /** Resident memory of the kernel and all its children, in MB. */
  residentMegabytes(): number {
    const own = new Set([this.#child.pid]);
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
          const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
          return [{ pid: Number(name), parent: Number(fields[1]), pages: Number(fields[21]) }];
        } catch {
          return [];
        }
      });
    for (let grown = true; grown;) {
      grown = false;
      for (const { pid, parent } of processes) {
        if (own.has(parent) && !own.has(pid)) {
          own.add(pid);
          grown = true;
        }
      }
    }
    return processes.reduce((sum, { pid, pages }) => sum + (own.has(pid) ? pages * 4096 : 0), 0) / 1e6;
  }

  async stop(): Promise<void> {
    this.client.close();
    const { pid } = this.#child;
    const gone = new Promise((done) => this.#child.once('close', done));
    if (this.#child.exitCode === null && this.#child.signalCode === null && pid !== undefined) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        this.#child.kill('SIGKILL');
      }
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tensorcellHome } from '../../base/home.ts';

/** A step of the set-up that cannot go on; the message is one sentence with the remedy. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  readonly code:
    | 'no-python'
    | 'old-python'
    | 'no-venv'
    | 'no-network'
    | 'disk-full'
    | 'pip-failed'
    | 'damaged'
    | 'no-server'
    | 'usage';
  constructor(code: SetupError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** JupyterLab 4.6 and its packages want this at least. */
const OLDEST_PYTHON = [3, 10] as const;

export interface Python {
  path: string;
  /** `3.11.7`. */
  version: string;
}

/** Runs a line of Python; its output without the final line break, or undefined when that failed. */
export function askPython(path: string, code: string): string | undefined {
  const done = spawnSync(path, ['-c', code], { encoding: 'utf8', timeout: 30_000 });
  return done.status === 0 ? done.stdout.trimEnd() : undefined;
}

function newEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST_PYTHON[0] || (major === OLDEST_PYTHON[0] && minor >= OLDEST_PYTHON[1]);
}

/**
 * The Python to make environments with: `TENSORCELL_PYTHON`, else the first new enough one on the path.
 * @throws SetupError when there is none
 */
export function findPython(environment: NodeJS.ProcessEnv = process.env): Python {
  const named = environment['TENSORCELL_PYTHON'];
  const candidates = named
    ? [named]
    : ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14'];
  let tooOld: Python | undefined;
  for (const path of candidates) {
    const version = askPython(path, 'import platform; print(platform.python_version())');
    if (!version) continue;
    if (newEnough(version)) return { path, version };
    tooOld ??= { path, version };
  }
  if (tooOld) {
    throw new SetupError(
      'old-python',
      `${tooOld.path} is Python ${tooOld.version}, and JupyterLab needs 3.10 or newer: install a newer one and name it, as in TENSORCELL_PYTHON=/usr/bin/python3.12`,
    );
  }
  throw new SetupError(
    'no-python',
    named
      ? `TENSORCELL_PYTHON is ${named}, which does not run: name a Python 3.10 or newer`
      : 'python3 was not found: install it with "sudo apt install python3 python3-venv" (Debian, Ubuntu) and run this again',
  );
}

/** The message for a Python that cannot make environments, else undefined. Debian splits that off into a package. */
export function missingVenv(python: Python): SetupError | undefined {
  if (askPython(python.path, 'import venv, ensurepip') !== undefined) return undefined;
  const [major, minor] = python.version.split('.');
  return new SetupError(
    'no-venv',
    `Python ${python.version} lacks its venv module: install it with "sudo apt install python${major}.${minor}-venv" (Debian, Ubuntu) and run this again`,
  );
}

/** The interpreter in an environment's folder. */
export function environmentPython(folder: string): string {
  return join(folder, 'bin', 'python');
}

/** Where the command keeps its environment when it is not used from a checkout. */
export function ownEnvironment(environment: NodeJS.ProcessEnv = process.env): string {
  return join(tensorcellHome(environment), 'environment');
}

/** Python's texts for ENOSPC and EDQUOT. */
export const DISK_FULL = /No space left on device|Errno 28\b|Disk quota exceeded|Errno 122\b/;

/** Tells what pip was doing when it failed from what it printed. */
export function explainPipFailure(output: string, what: string): SetupError {
  if (DISK_FULL.test(output)) {
    return new SetupError(
      'disk-full',
      `the disk or the quota is full, so ${what} could not be fetched: free some space and run this again`,
    );
  }
  if (
    /NewConnectionError|Temporary failure in name resolution|Name or service not known|Network is unreachable|Max retries exceeded|ConnectTimeoutError|ReadTimeoutError|Connection (refused|broken|reset)|ProxyError|from versions: none/.test(
      output,
    )
  ) {
    return new SetupError(
      'no-network',
      `the package index could not be reached, so ${what} could not be fetched: check the network (and pip's proxy settings) and run this again; what was fetched so far is kept`,
    );
  }
  if (/DO NOT MATCH THE HASHES/i.test(output)) {
    return new SetupError(
      'damaged',
      `${what} does not have the content that was checked for this release: run this again; if it happens again, the package index or a proxy changes files`,
    );
  }
  const last = output.trim().split('\n').slice(-12).join('\n');
  return new SetupError('pip-failed', `pip could not fetch ${what}; its output:\n${last}`);
}

export interface PipOptions {
  env?: NodeJS.ProcessEnv;
  /** Called with each line that pip prints on stdout. */
  onLine?: (line: string) => void;
}

/** Runs pip. Rejects with the reason in words; `what` names what is being fetched. */
export async function runPip(
  python: string,
  args: readonly string[],
  what: string,
  options: PipOptions = {},
): Promise<void> {
  const child = spawn(python, ['-m', 'pip', '--disable-pip-version-check', '--no-input', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONUNBUFFERED: '1', ...options.env },
  });
  let output = '';
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) options.onLine?.(line);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) throw explainPipFailure(output, what);
}

/**
 * A Python that has pip, to fetch wheels with: the given environment's, the checkout's, our own, the system's. Makes
 * our environment when none of them has it.
 */
export function pythonWithPip(
  candidates: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): string {
  for (const folder of [...candidates, ownEnvironment(environment)]) {
    const path = environmentPython(folder);
    if (existsSync(path) && askPython(path, 'import pip') !== undefined) return path;
  }
  const python = findPython(environment);
  if (askPython(python.path, 'import pip') !== undefined) return python.path;
  const missing = missingVenv(python);
  if (missing) throw missing;
  const folder = ownEnvironment(environment);
  const made = spawnSync(python.path, ['-m', 'venv', folder], { encoding: 'utf8' });
  if (made.status !== 0)
    throw explainPipFailure(made.stderr + made.stdout, `a Python environment in ${dirname(folder)}`);
  return environmentPython(folder);
}

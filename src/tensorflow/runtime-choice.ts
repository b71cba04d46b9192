import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { runtimesFolder } from '../home.ts';
import { TensorflowError } from './errors.ts';

/** One TensorFlow runtime on this machine. */
export interface TensorflowRuntime {
  /** `cpu`, `cuda`, `directml`, or the folder's name where nothing says. */
  name: string;
  /** TensorFlow's version as the runtime's own file says; undefined for a folder that a user named. */
  version: string | undefined;
  /** The runtime's folder. */
  path: string;
  /** The folder that holds libtensorflow_cc.so.2. */
  libraries: string;
}

/** What was chosen, and what was not, with the reason in words. */
export interface RuntimeChoice {
  runtime: TensorflowRuntime | undefined;
  passedOver: { name: string; why: string }[];
}

function librariesIn(folder: string): string | undefined {
  return [folder, join(folder, 'tensorflow')].find((candidate) =>
    existsSync(join(candidate, 'libtensorflow_cc.so.2')),
  );
}

/** Reads one folder of the store; undefined unless an installation was finished there. */
function readRuntime(folder: string): TensorflowRuntime | undefined {
  let about: { name?: unknown; version?: unknown };
  try {
    about = JSON.parse(readFileSync(join(folder, 'runtime.json'), 'utf8')) as typeof about;
  } catch {
    return undefined;
  }
  const libraries = librariesIn(folder);
  if (libraries === undefined || typeof about.name !== 'string') return undefined;
  return {
    name: about.name,
    version: typeof about.version === 'string' ? about.version : undefined,
    path: folder,
    libraries,
  };
}

function newestFirst(a: TensorflowRuntime, b: TensorflowRuntime): number {
  return (b.version ?? '').localeCompare(a.version ?? '', 'en', { numeric: true });
}

/** The complete runtimes of the store, newest first. */
export function installedRuntimes(environment: NodeJS.ProcessEnv = process.env): TensorflowRuntime[] {
  const store = runtimesFolder(environment);
  let names: string[];
  try {
    names = readdirSync(store);
  } catch {
    return [];
  }
  return names
    .sort()
    .map((name) => readRuntime(join(store, name)))
    .filter((runtime) => runtime !== undefined)
    .sort(newestFirst);
}

function namedRuntime(named: string, installed: TensorflowRuntime[]): TensorflowRuntime {
  if (named.includes('/') || named === '.') {
    const path = isAbsolute(named) ? named : resolve(named);
    const libraries = librariesIn(path);
    if (libraries === undefined) {
      throw new TensorflowError(
        'NO_RUNTIME',
        `TENSORCELL_RUNTIME is ${named}, but there is no libtensorflow_cc.so.2 in ${path}`,
      );
    }
    return readRuntime(path) ?? { name: path, version: undefined, path, libraries };
  }
  const found = installed.find(({ name, version }) => name === named || `${name}-${version ?? ''}` === named);
  if (found === undefined) {
    const known = installed.map(({ name, version }) => `${name}-${version ?? ''}`).join(', ');
    throw new TensorflowError(
      'NO_RUNTIME',
      `TENSORCELL_RUNTIME is ${named}, but no such runtime is installed (${known || 'none is'}). ` +
        'Install one with `tensorcell runtime install`',
    );
  }
  return found;
}

/**
 * Which TensorFlow to load: the one that `TENSORCELL_RUNTIME` names (`cpu`, `cuda-2.21.0`, or a folder), else the
 * store's CUDA runtime if `driverProblem` finds nothing wrong, else its CPU runtime.
 *
 * @param driverProblem says why CUDA cannot be used, or undefined if it can. Asked only when it matters.
 * @throws TensorflowError when the named runtime is not there.
 */
export function chooseRuntime(
  environment: NodeJS.ProcessEnv,
  driverProblem: () => string | undefined,
): RuntimeChoice {
  const installed = installedRuntimes(environment);
  const named = environment['TENSORCELL_RUNTIME'];
  if (named) return { runtime: namedRuntime(named, installed), passedOver: [] };
  const passedOver: RuntimeChoice['passedOver'] = [];
  const cuda = installed.find(({ name }) => name === 'cuda');
  if (cuda !== undefined) {
    const why = driverProblem();
    if (why === undefined) return { runtime: cuda, passedOver };
    passedOver.push({ name: `cuda-${cuda.version ?? ''}`, why });
  }
  const cpu = installed.find(({ name }) => name === 'cpu');
  // A CUDA build runs on the CPU too, where nothing else is installed.
  return { runtime: cpu ?? cuda, passedOver };
}

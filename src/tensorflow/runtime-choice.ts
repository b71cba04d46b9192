import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { chosenRuntime, findRuntime, installedRuntimes, readManifest } from '../runtimes/store.ts';
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
  passedOver: { what: string; why: string; fix?: string }[];
}

function librariesIn(folder: string): string | undefined {
  return [folder, join(folder, 'tensorflow')].find((candidate) =>
    existsSync(join(candidate, 'libtensorflow_cc.so.2')),
  );
}

function runtimeAt(path: string, about = readManifest(path)): TensorflowRuntime | undefined {
  const libraries = librariesIn(path);
  if (libraries === undefined) return undefined;
  return { name: about?.name ?? path, version: about?.version, path, libraries };
}

function namedRuntime(named: string, environment: NodeJS.ProcessEnv): TensorflowRuntime {
  if (named.includes('/') || named === '.') {
    const path = isAbsolute(named) ? named : resolve(named);
    const runtime = runtimeAt(path);
    if (runtime !== undefined) return runtime;
    throw new TensorflowError(
      'NO_RUNTIME',
      `TENSORCELL_RUNTIME is ${named}, but there is no libtensorflow_cc.so.2 in ${path}`,
    );
  }
  const installed = findRuntime(named, environment);
  const runtime = installed && runtimeAt(installed.path, installed);
  if (runtime !== undefined) return runtime;
  const known = installedRuntimes(environment).map(({ id }) => id);
  throw new TensorflowError(
    'NO_RUNTIME',
    `TENSORCELL_RUNTIME is ${named}, but no such runtime is installed (${known.join(', ') || 'none is'}). ` +
      'Install one with `tensorcell runtime install`',
  );
}

/**
 * Which TensorFlow to load: the one that `TENSORCELL_RUNTIME` names (`cpu`, `cuda-2.21.0`, a folder, or `js` for none), else what
 * `tensorcell runtime use` chose, else the store's CUDA runtime if `driverProblem` finds nothing wrong, else its CPU
 * runtime.
 *
 * @param driverProblem says why CUDA cannot be used, or undefined if it can. Asked only when it matters.
 * @throws TensorflowError when the named runtime is not there.
 */
export function chooseRuntime(
  environment: NodeJS.ProcessEnv,
  driverProblem: () => string | undefined,
): RuntimeChoice {
  const named = environment['TENSORCELL_RUNTIME'];
  if (named === 'js') return { runtime: undefined, passedOver: [] };
  if (named) return { runtime: namedRuntime(named, environment), passedOver: [] };
  const passedOver: RuntimeChoice['passedOver'] = [];
  const chosen = chosenRuntime(environment);
  if (chosen !== undefined) {
    const path = chosen.path ?? findRuntime(chosen.runtime, environment)?.path;
    const runtime = path === undefined ? undefined : runtimeAt(path);
    if (runtime !== undefined) return { runtime, passedOver };
    passedOver.push({
      what: chosen.runtime,
      why: 'it was chosen, but is no longer there',
      fix: 'tensorcell runtime use',
    });
  }
  const best = (name: string) => {
    const installed = findRuntime(name, environment);
    return installed && runtimeAt(installed.path, installed);
  };
  const cuda = best('cuda');
  if (cuda !== undefined) {
    const why = driverProblem();
    if (why === undefined) return { runtime: cuda, passedOver };
    passedOver.push({ what: `cuda-${cuda.version ?? ''}`, why });
  }
  // A CUDA build runs on the CPU too, where nothing else is installed.
  return { runtime: best('cpu') ?? cuda, passedOver };
}

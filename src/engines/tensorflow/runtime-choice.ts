import { isAbsolute, join, resolve } from 'node:path';
import { GPU_BUILDS } from '../../machine/devices/preference.ts';
import {
  chosenRuntime,
  findRuntime,
  installedRuntimes,
  libraryDamage,
  readManifest,
} from '../../machine/runtimes/store.ts';
import { TensorflowError } from '../errors.ts';
import { runtimeLibraries } from './runtime-libraries.ts';

/** One TensorFlow runtime on this machine. */
export interface TensorflowRuntime {
  /** `cpu`, `cuda`, `directml`, or the folder's name where nothing says. */
  name: string;
  /** TensorFlow's version as the runtime's own file says; undefined for a folder that a user named. */
  version: string | undefined;
  /** The runtime's folder. */
  path: string;
  /** The folder that holds TensorFlow's libraries: `runtimeLibraries` says which. */
  libraries: string;
}

/** `cuda-2.21.0` */
export function runtimeId({ name, version }: TensorflowRuntime): string {
  return version === undefined ? name : `${name}-${version}`;
}

/** The chosen TensorFlow build, and the rejected ones with their reasons in words. */
export interface RuntimeChoice {
  runtime: TensorflowRuntime | undefined;
  rejected: { what: string; why: string; fix?: string }[];
}

function librariesIn(folder: string): string | undefined {
  return [folder, join(folder, 'tensorflow')].find((candidate) => runtimeLibraries(candidate) !== undefined);
}

function runtimeAt(
  path: string,
  about: { name: string; version: string } | undefined = readManifest(path),
): TensorflowRuntime | undefined {
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
    `TENSORCELL_RUNTIME is ${named}, but no such TensorFlow build is installed (${known.join(', ') || 'none is'}). ` +
      'Install one with `tensorcell runtime install`',
  );
}

/** Why the kind of device that a runtime is for cannot be used here; undefined when it can. */
export type DeviceProblem = (runtime: TensorflowRuntime) => string | undefined;

/**
 * Which TensorFlow to load: the one that `TENSORCELL_RUNTIME` names (`cpu`, `cuda-2.21.0`, a folder, or `js` for none), else what
 * `tensorcell runtime use` chose, else the first of the store's CUDA and DirectML runtimes with which `deviceProblem` finds
 * nothing wrong, else its CPU runtime.
 *
 * @param deviceProblem asked only when it matters.
 * @throws TensorflowError when the named runtime is not there.
 */
export function chooseRuntime(environment: NodeJS.ProcessEnv, deviceProblem: DeviceProblem): RuntimeChoice {
  const named = environment['TENSORCELL_RUNTIME'];
  if (named === 'js') return { runtime: undefined, rejected: [] };
  if (named) return { runtime: namedRuntime(named, environment), rejected: [] };
  const rejected: RuntimeChoice['rejected'] = [];
  const chosen = chosenRuntime(environment);
  if (chosen !== undefined) {
    const path = chosen.path ?? findRuntime(chosen.runtime, environment)?.path;
    const { runtime: name, tensorflow: version } = chosen;
    const runtime =
      path === undefined
        ? undefined
        : runtimeAt(path, readManifest(path) ?? (version ? { name, version } : undefined));
    if (runtime !== undefined) return { runtime, rejected };
    rejected.push({
      what: chosen.runtime,
      why: 'it was selected, but no longer exists',
      fix: 'tensorcell runtime use auto',
    });
  }
  const best = (name: string) => {
    const installed = findRuntime(name, environment);
    return installed && runtimeAt(installed.path, installed);
  };
  const found = GPU_BUILDS.flatMap((name) => best(name) ?? []);
  for (const runtime of found) {
    const damage = libraryDamage(runtime.path);
    const why = damage === undefined ? deviceProblem(runtime) : `it is damaged: ${damage}`;
    if (why === undefined) return { runtime, rejected };
    const fix = damage === undefined ? {} : { fix: `tensorcell runtime install ${runtime.name}` };
    rejected.push({ what: runtimeId(runtime), why, ...fix });
  }
  // Builds for GPUs run on the CPU too, where nothing else is installed.
  return { runtime: best('cpu') ?? found[0], rejected };
}

/** The Pythons of this machine: where to look, what they have, and which one is meant. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { PythonError } from './errors.ts';
import { homeFolder } from '../../base/home.ts';

export type EnvironmentKind = 'active' | 'venv' | 'conda' | 'pyenv' | 'system' | 'chosen';

/** A place where a Python may be; it has not been run yet. */
export interface EnvironmentCandidate {
  kind: EnvironmentKind;
  /** The name for the user: usually that of the folder. */
  name: string;
  executable: string;
}

export interface PythonEnvironment extends EnvironmentCandidate {
  /** `sys.prefix`. */
  prefix: string;
  /** `3.11.2`. */
  version: string;
  /** Versions of those packages that are there. */
  packages: Partial<Record<(typeof PACKAGES)[number], string>>;
  /** The environment that JupyterLab itself runs in. */
  jupyter: boolean;
}

export interface Surroundings {
  /** As it was when the kernel started. */
  environment: Readonly<Record<string, string | undefined>>;
  /** The notebook's folder. */
  directory: string;
}

const PACKAGES = ['ipykernel', 'numpy', 'torch', 'tensorflow', 'pandas', 'polars', 'pyarrow'] as const;
/** Folders above the notebook in which a venv is looked for. */
const LEVELS = 4;
/** A Python on a cold disk takes its time; one that hangs is rejected. */
const INSPECT_MS = 15_000;

const INSPECT = `
import json, sys
packages = {}
try:
    from importlib import metadata
    for name in ${JSON.stringify(PACKAGES)}:
        for distribution in ([name, 'tensorflow-cpu', 'tensorflow-directml'] if name == 'tensorflow' else [name]):
            try:
                packages[name] = metadata.version(distribution)
                break
            except Exception:
                pass
except ImportError:
    pass
print(json.dumps({'executable': sys.executable, 'prefix': sys.prefix,
    'version': '%d.%d.%d' % tuple(sys.version_info[:3]), 'packages': packages}))
`;

/** The Python of a folder with an environment; undefined when there is none. */
function pythonIn(prefix: string): string | undefined {
  for (const name of ['python3', 'python']) {
    const path = join(prefix, 'bin', name);
    if (existsSync(path)) return path;
  }
  return undefined;
}

function folders(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map(({ name }) => join(path, name))
      .sort();
  } catch {
    return [];
  }
}

/** The prefix of the environment that the calling Jupyter server runs in, as far as it can be told. */
function jupyterPrefix(environment: Surroundings['environment']): string | undefined {
  const pid = Number(environment['JPY_PARENT_PID']);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  try {
    const [program] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return program && isAbsolute(program) ? dirname(dirname(program)) : undefined;
  } catch {
    return undefined;
  }
}

/** All places worth a look, those that are likelier meant first. Reads folders only. */
export function findCandidates({ environment, directory }: Surroundings): EnvironmentCandidate[] {
  const found: EnvironmentCandidate[] = [];
  const add = (kind: EnvironmentKind, prefix: string, name = basename(prefix)): void => {
    const executable = pythonIn(prefix);
    if (executable) found.push({ kind, name, executable });
  };
  const home = homeFolder(environment);

  const active = environment['VIRTUAL_ENV'] || environment['CONDA_PREFIX'];
  if (active) add('active', active);
  for (let at = resolve(directory), level = 0; level < LEVELS; level++, at = dirname(at)) {
    for (const folder of folders(at)) if (existsSync(join(folder, 'pyvenv.cfg'))) add('venv', folder);
    if (at === home || at === dirname(at)) break;
  }
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    const executable = join(folder, 'python3');
    if (isAbsolute(folder) && existsSync(executable))
      found.push({ kind: 'system', name: 'python3', executable });
  }
  if (existsSync('/usr/bin/python3')) {
    found.push({ kind: 'system', name: 'python3', executable: '/usr/bin/python3' });
  }
  for (const prefix of condaPrefixes(environment, home)) add('conda', prefix);
  const pyenv = environment['PYENV_ROOT'] ?? join(home, '.pyenv');
  for (const prefix of folders(join(pyenv, 'versions'))) add('pyenv', prefix);
  for (const prefix of folders(join(home, '.virtualenvs'))) add('venv', prefix);

  const own = jupyterPrefix(environment);
  const isOwn = (candidate: EnvironmentCandidate): boolean =>
    candidate.kind !== 'active' && own !== undefined && candidate.executable.startsWith(`${own}/`);
  return unique(
    [...found.filter((each) => !isOwn(each)), ...found.filter(isOwn)],
    ({ executable }) => executable,
  );
}

function condaPrefixes(environment: Surroundings['environment'], home: string): string[] {
  const listed: string[] = [];
  try {
    const text = readFileSync(join(home, '.conda', 'environments.txt'), 'utf8');
    listed.push(...text.split('\n').map((line) => line.trim()));
  } catch {
    // No conda, or one that has made no environment yet.
  }
  const roots = [
    environment['CONDA_EXE'] ? dirname(dirname(environment['CONDA_EXE'])) : undefined,
    environment['MAMBA_ROOT_PREFIX'],
    ...['miniconda3', 'anaconda3', 'miniforge3', 'mambaforge'].map((name) => join(home, name)),
    '/opt/conda',
  ].filter((root) => root !== undefined);
  const known = [...listed, ...roots, ...roots.flatMap((root) => folders(join(root, 'envs')))];
  return unique(known, (path) => path).filter((prefix) => existsSync(join(prefix, 'conda-meta')));
}

function unique<T>(items: readonly T[], key: (item: T) => string): T[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    if (seen.has(key(item))) return false;
    seen.add(key(item));
    return true;
  });
}

const inspected = new Map<string, { stamp: string; result: Promise<PythonEnvironment> }>();

/**
 * Asks a Python for its version and packages. Kept until the folder of its packages changes.
 * @throws PythonError `no-environment` when it does not run
 */
export async function inspectEnvironment(
  candidate: EnvironmentCandidate,
  surroundings: Pick<Surroundings, 'environment'>,
): Promise<PythonEnvironment> {
  const key = `${candidate.kind} ${candidate.executable}`;
  const known = inspected.get(key);
  if (known) {
    const environment = await known.result.catch(() => undefined);
    if (environment && stampOf(environment) === known.stamp) return environment;
  }
  const result = ask(candidate, surroundings);
  void result.then(
    (environment) =>
      inspected.set(key, { stamp: stampOf(environment), result: Promise.resolve(environment) }),
    () => inspected.delete(key),
  );
  return await result;
}

/** Changes when a package is installed or removed: it adds to the folder that holds them. */
function stampOf({ prefix, version }: PythonEnvironment): string {
  const [major, minor] = version.split('.');
  const places = [
    join(prefix, 'lib', `python${major}.${minor}`, 'site-packages'),
    join(prefix, 'lib', `python${major}`, 'dist-packages'),
    join(prefix, 'local', 'lib', `python${major}.${minor}`, 'dist-packages'),
  ];
  return places
    .map((path) => {
      try {
        return String(statSync(path).mtimeMs);
      } catch {
        return '-';
      }
    })
    .join(' ');
}

async function ask(
  candidate: EnvironmentCandidate,
  { environment }: Pick<Surroundings, 'environment'>,
): Promise<PythonEnvironment> {
  const { executable } = candidate;
  const said = await new Promise<string>((done, fail) => {
    execFile(
      executable,
      ['-c', INSPECT],
      { timeout: INSPECT_MS, env: environmentFor(executable, environment) },
      (error, stdout, stderr) => {
        if (!error) {
          done(stdout);
          return;
        }
        const why = stderr.trim().split('\n').at(-1) || (error.message.split('\n')[0] ?? '');
        fail(new PythonError('no-environment', `${executable} does not run: ${why}`, { cause: error }));
      },
    );
  });
  const { prefix, version, packages, ...rest } = JSON.parse(said) as PythonEnvironment;
  const own = jupyterPrefix(environment);
  return {
    ...candidate,
    // A shim of pyenv or a link leads to the Python itself.
    executable: rest.executable || executable,
    prefix,
    version,
    packages,
    jupyter: own !== undefined && own === prefix,
  };
}

/** Everything that was found and runs, in the order of `findCandidates`, each environment once. */
export async function findEnvironments(surroundings: Surroundings): Promise<PythonEnvironment[]> {
  const candidates = findCandidates(surroundings);
  const found: PythonEnvironment[] = [];
  // A few at a time: each is a process that reads many files.
  for (let at = 0; at < candidates.length; at += 4) {
    const some = candidates.slice(at, at + 4).map((candidate) => inspectEnvironment(candidate, surroundings));
    for (const result of await Promise.allSettled(some)) {
      if (result.status === 'fulfilled') found.push(result.value);
    }
  }
  return unique(found, ({ prefix }) => prefix);
}

/**
 * The environment that the user has named: a folder, a `python` in it, both also relative to the notebook's folder or
 * with `~`, or the name of one that `findEnvironments` lists.
 * @throws PythonError `no-environment` that names the nearest
 */
export async function resolveEnvironment(
  named: string,
  surroundings: Surroundings,
): Promise<PythonEnvironment> {
  const home = homeFolder(surroundings.environment);
  const path = resolve(surroundings.directory, named.replace(/^~(?=\/|$)/, home));
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder !== undefined) {
    const executable = isFolder ? pythonIn(path) : path;
    if (!executable) {
      throw new PythonError(
        'no-environment',
        `${path} is not a Python environment: it has no bin/python. ${howToList}`,
      );
    }
    const name = isFolder ? basename(path) : basename(dirname(dirname(path))) || basename(path);
    return await inspectEnvironment({ kind: 'chosen', name, executable }, surroundings);
  }
  const candidate = findCandidates(surroundings).find(({ name }) => name === named);
  if (candidate) return await inspectEnvironment(candidate, surroundings);
  throw new PythonError('no-environment', `there is no Python environment ${named}. ${howToList}`);
}

const howToList = '%python envs lists the available ones';

/**
 * The active environment if there is one, whatever it lacks; else the first that has ipykernel.
 * @throws PythonError `no-environment`, `no-ipykernel`
 */
export async function defaultEnvironment(surroundings: Surroundings): Promise<PythonEnvironment> {
  const candidates = findCandidates(surroundings);
  const [first] = candidates;
  if (first?.kind === 'active') return await inspectEnvironment(first, surroundings);
  let fallback: PythonEnvironment | undefined;
  for (const candidate of candidates) {
    const environment = await inspectEnvironment(candidate, surroundings).catch(() => undefined);
    if (environment?.packages.ipykernel) return environment;
    fallback ??= environment;
  }
  if (fallback) return fallback;
  throw new PythonError(
    'no-environment',
    'no Python was found on this machine: sudo apt install python3 python3-ipykernel, or name one with %python use PATH',
  );
}

/** The command that brings ipykernel into an environment. */
export function ipykernelCommand({
  executable,
  prefix,
}: Pick<PythonEnvironment, 'executable' | 'prefix'>): string {
  if (prefix === '/usr') return 'sudo apt install python3-ipykernel';
  if (existsSync(join(prefix, 'conda-meta'))) return `conda install -y -p ${prefix} ipykernel`;
  return `${executable} -m pip install ipykernel`;
}

/** The variables that a shell sets after `activate`: programs of the environment are found first. */
export function environmentFor(
  executable: string,
  environment: Surroundings['environment'],
): Record<string, string | undefined> {
  const prefix = dirname(dirname(executable));
  const changed: Record<string, string | undefined> = { ...environment };
  delete changed['PYTHONHOME'];
  delete changed['VIRTUAL_ENV'];
  delete changed['CONDA_PREFIX'];
  delete changed['CONDA_DEFAULT_ENV'];
  if (existsSync(join(prefix, 'pyvenv.cfg'))) changed['VIRTUAL_ENV'] = prefix;
  if (existsSync(join(prefix, 'conda-meta'))) {
    changed['CONDA_PREFIX'] = prefix;
    changed['CONDA_DEFAULT_ENV'] = basename(prefix);
  }
  const path = (environment['PATH'] ?? '').split(delimiter).filter((each) => each !== dirname(executable));
  changed['PATH'] = [dirname(executable), ...path].join(delimiter);
  return changed;
}

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeWhole } from '../../base/files/index.ts';
import { runtimesFolder } from '../../base/home.ts';

/** The contents of `runtime.json`: written last, so its presence shows that the build is complete. */
export interface RuntimeManifest {
  /** `cpu`, `cuda`, `directml`. */
  name: string;
  version: string;
  tensorflow: string;
  /** Every file that was kept, by its path in the folder, with its size in bytes. */
  files?: Record<string, number>;
}

export interface InstalledRuntime extends RuntimeManifest {
  /** `cpu-2.21.0`. */
  id: string;
  /** The folder that holds `tensorflow/`. */
  path: string;
}

/** The user's choice with `tensorcell runtime use`: one of the store, or any folder that holds `tensorflow/`. */
export interface ChosenRuntime {
  runtime: string;
  /** Set when it lies outside the store, in a Python environment. */
  path?: string;
  tensorflow?: string;
}

export class RuntimeStoreError extends Error {
  override readonly name = 'RuntimeStoreError';
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The complete runtimes in the store, newest version first within a name. A folder without its marker is none. */
export function installedRuntimes(environment: NodeJS.ProcessEnv = process.env): InstalledRuntime[] {
  const folder = runtimesFolder(environment);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((id) => !id.startsWith('.'))
    .flatMap((id) => {
      const path = join(folder, id);
      const manifest = readManifest(path);
      return manifest ? [{ ...manifest, id, path }] : [];
    })
    .sort((a, b) => a.name.localeCompare(b.name) || -compareVersions(a.version, b.version));
}

/** The marker of a complete runtime, or undefined. */
export function readManifest(path: string): RuntimeManifest | undefined {
  try {
    const read = JSON.parse(readFileSync(join(path, 'runtime.json'), 'utf8')) as Partial<RuntimeManifest>;
    if (typeof read.name !== 'string' || typeof read.version !== 'string') return undefined;
    return { ...read, name: read.name, version: read.version, tensorflow: read.tensorflow ?? read.version };
  } catch {
    return undefined;
  }
}

/** Orders `2.9.1` before `2.21.0`. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** The runtime of the store that `wanted` names: an id (`cpu-2.21.0`), or a name (`cpu`: its newest version). */
export function findRuntime(
  wanted: string,
  environment: NodeJS.ProcessEnv = process.env,
): InstalledRuntime | undefined {
  const all = installedRuntimes(environment);
  return all.find(({ id }) => id === wanted) ?? all.find(({ name }) => name === wanted);
}

function choiceFile(environment: NodeJS.ProcessEnv): string {
  return join(runtimesFolder(environment), 'selected.json');
}

/** The record of `tensorcell runtime use`; undefined when the best that fits the machine is to be taken. */
export function chosenRuntime(environment: NodeJS.ProcessEnv = process.env): ChosenRuntime | undefined {
  try {
    const read = JSON.parse(readFileSync(choiceFile(environment), 'utf8')) as Partial<ChosenRuntime>;
    return typeof read.runtime === 'string' ? { ...read, runtime: read.runtime } : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers a choice; undefined goes back to what fits the machine. The store's folder has to exist. */
export function chooseRuntime(
  choice: ChosenRuntime | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): void {
  const file = choiceFile(environment);
  if (!choice) {
    rmSync(file, { force: true });
    return;
  }
  writeWhole(file, `${JSON.stringify(choice, undefined, 2)}\n`);
}

/**
 * Takes a runtime out of the store. It stops being one before its files go, so an interruption leaves nothing that
 * looks complete.
 */
export function removeRuntime(runtime: InstalledRuntime, environment: NodeJS.ProcessEnv = process.env): void {
  const away = join(runtimesFolder(environment), `.removed-${runtime.id}-${process.pid}`);
  renameSync(runtime.path, away);
  rmSync(away, { recursive: true, force: true });
  const chosen = chosenRuntime(environment);
  if (chosen && !chosen.path && (chosen.runtime === runtime.id || chosen.runtime === runtime.name)) {
    if (!findRuntime(chosen.runtime, environment)) chooseRuntime(undefined, environment);
  }
}

/** Bytes on disk under `path`, links not followed. */
export function sizeOnDisk(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return 0;
  if (!found.isDirectory()) return found.size;
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !entry.isSymbolicLink())
    .reduce((sum, entry) => sum + sizeOnDisk(join(path, entry.name)), 0);
}

/** Files of the manifest that are missing or have another size; empty when all is as it was installed. */
export function damagedFiles(runtime: Pick<InstalledRuntime, 'files' | 'path'>): string[] {
  return Object.entries(runtime.files ?? {})
    .filter(
      ([file, bytes]) => statSync(resolve(runtime.path, file), { throwIfNoEntry: false })?.size !== bytes,
    )
    .map(([file]) => file);
}

/** Whether a file of a runtime is loaded, or mapped by what is loaded. */
export function isLibrary(file: string): boolean {
  return /\.so(\.\d+)*$/.test(file);
}

/**
 * Damage of the libraries of a TensorFlow build, by the sizes that its installation wrote down: a library that was cut
 * short is mapped without an error, and ends the process when its missing part is touched.
 *
 * @returns `libtensorflow_cc.so.2 has 1000 of 500000000 bytes`; undefined when all are whole, or no sizes are known.
 */
export function libraryDamage(path: string): string | undefined {
  const files = readManifest(path)?.files ?? {};
  for (const [file, bytes] of Object.entries(files)) {
    if (!isLibrary(file)) continue;
    const found = statSync(resolve(path, file), { throwIfNoEntry: false })?.size;
    if (found === bytes) continue;
    return found === undefined ? `${file} is missing` : `${file} has ${found} of ${bytes} bytes`;
  }
  return undefined;
}

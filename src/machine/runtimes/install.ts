import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../../base/error-code.ts';
import { writeWhole } from '../../base/files/index.ts';
import { runtimesFolder } from '../../base/home.ts';
import type { Release, Wheel } from './catalogue.ts';
import { pythonWithPip, SetupError } from './python.ts';
import { damagedFiles, findRuntime, type InstalledRuntime, type RuntimeManifest } from './store.ts';
import { downloadWheel, isWheel, requireSpace, unpackWheel } from './wheels.ts';
import { formatFileSize } from '../../base/text/bytes.ts';

export interface InstallOptions {
  /** Take wheels from this folder instead of the package index. */
  from?: string;
  /** Environments whose pip may be used, best first. */
  environments?: readonly string[];
  /** A line that stays: `fetching tensorflow 1 of 13 (573 MB)`. */
  say: (line: string) => void;
  /** How far the current step is; shown in place. */
  progress: (step: string, doneBytes: number, totalBytes: number) => void;
  environment?: NodeJS.ProcessEnv;
}

/** Bytes to fetch for a release. */
export function downloadBytes(release: Release): number {
  return release.wheels.reduce((sum, wheel) => sum + wheel.bytes, 0);
}

/** One installation: the release, with the folders that it uses. */
interface Installation {
  readonly release: Release;
  readonly options: InstallOptions;
  readonly environment: NodeJS.ProcessEnv;
  /** `cuda-2.21.0` */
  readonly id: string;
  readonly store: string;
  /** Hidden folder of an unfinished installation. */
  readonly incoming: string;
  /** The unpacked files in `incoming`. */
  readonly tree: string;
}

/** The list of a wheel's files, written when it is unpacked. */
const listOf = ({ incoming }: Installation, wheel: Wheel): string => join(incoming, `${wheel.file}.json`);

/** The installed TensorFlow build; undefined where it is missing or has damaged files. */
function present({ id, environment }: Installation): InstalledRuntime | undefined {
  const found = findRuntime(id, environment);
  return found?.id === id && damagedFiles(found).length === 0 ? found : undefined;
}

/**
 * Installs a TensorFlow build in the store and returns it; does nothing when it is there, and replaces one with damaged files.
 * Wheels are fetched and unpacked one by one into a hidden folder, and finished ones are kept when the run is interrupted;
 * the folder takes its name once everything is there.
 *
 * @throws SetupError with one sentence that says what is missing and what to do
 */
export async function installRuntime(release: Release, options: InstallOptions): Promise<InstalledRuntime> {
  const environment = options.environment ?? process.env;
  const id = `${release.name}-${release.version}`;
  const store = runtimesFolder(environment);
  const incoming = join(store, `.incoming-${id}`);
  const installation = { release, options, environment, id, store, incoming, tree: join(incoming, 'tree') };
  const already = present(installation);
  if (already) return already;
  if (process.arch !== 'x64') {
    throw new SetupError(
      'usage',
      `the ${release.name} build exists for x86-64 only, and this machine is ${process.arch}: tf runs in JavaScript here`,
    );
  }
  mkdirSync(incoming, { recursive: true });
  const unlock = await lock(join(incoming, 'lock'), options.say);
  try {
    const meanwhile = present(installation);
    if (meanwhile) return meanwhile;
    await fetchWheels(installation);
    const files = writeOwnFiles(installation);
    checkFiles(installation, files);
    return moveIntoStore(installation, files);
  } finally {
    unlock();
    if (present(installation)) rmSync(incoming, { recursive: true, force: true });
  }
}

/** Fetches and unpacks the wheels that are not unpacked yet. */
async function fetchWheels(installation: Installation): Promise<void> {
  const { release, options, environment, store, incoming, tree } = installation;
  const missing = release.wheels.filter((wheel) => !existsSync(listOf(installation, wheel)));
  // Unpacked wheels need no more room; a wheel and its unpacked files exist at the same time.
  const unpacked = 1 - missing.length / release.wheels.length;
  const largest = Math.max(0, ...missing.map(({ bytes }) => bytes));
  requireSpace(
    store,
    release.installedBytes * (1 - unpacked) + largest,
    `the ${release.name} build of TensorFlow`,
  );
  const python = pythonWithPip(options.environments ?? [], environment);
  for (const wheel of missing) {
    const number = `${release.wheels.indexOf(wheel) + 1} of ${release.wheels.length}`;
    options.say(
      `${options.from ? 'taking' : 'fetching'} ${wheel.project} ${wheel.version} (${number}, ${formatFileSize(wheel.bytes)})`,
    );
    const path = options.from
      ? await givenWheel(options.from, wheel)
      : await downloadWheel(python, wheel, incoming, (now, all) => options.progress('fetched', now, all));
    const files = await unpackWheel(python, path, wheel, tree, (now, all) =>
      options.progress('unpacked', now, all),
    );
    writeWhole(listOf(installation, wheel), JSON.stringify(files));
    if (!options.from) rmSync(path);
  }
}

/** Writes the files that no wheel has. Returns the sizes of all files, in bytes, by path. */
function writeOwnFiles(installation: Installation): Record<string, number> {
  const { release, tree } = installation;
  const files: Record<string, number> = {};
  for (const wheel of release.wheels) {
    Object.assign(files, JSON.parse(readFileSync(listOf(installation, wheel), 'utf8')));
  }
  for (const [file, make] of Object.entries(release.ours ?? {})) {
    const bytes = make();
    writeWhole(join(tree, file), bytes);
    files[file] = bytes.length;
  }
  return files;
}

/** @throws SetupError where a file is missing or has another size: the next run starts afresh */
function checkFiles(installation: Installation, files: Record<string, number>): void {
  const { release, tree } = installation;
  const wrong = [
    ...release.required.filter((file) => !(file in files)),
    ...Object.entries(files)
      .filter(([file, bytes]) => statSync(join(tree, file), { throwIfNoEntry: false })?.size !== bytes)
      .map(([file]) => file),
  ];
  if (wrong.length === 0) return;
  // Not to be repaired piece by piece.
  for (const wheel of release.wheels) rmSync(listOf(installation, wheel), { force: true });
  rmSync(tree, { recursive: true, force: true });
  throw new SetupError(
    'damaged',
    `the ${release.name} build lacks ${wrong[0]} after unpacking: run this again`,
  );
}

/** Writes the manifest, and gives the folder its name. */
function moveIntoStore(installation: Installation, files: Record<string, number>): InstalledRuntime {
  const { release, id, store, tree } = installation;
  const { name, version, tensorflow } = release;
  const manifest: RuntimeManifest = { name, version, tensorflow, files };
  writeWhole(join(tree, 'runtime.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const target = join(store, id);
  // A damaged build, or a folder without its marker, which is half-made. It is moved away first: deleting takes time,
  // and a process that has its libraries mapped keeps them.
  const away = join(store, `.removed-${id}-${process.pid}`);
  if (existsSync(target)) renameSync(target, away);
  renameSync(tree, target);
  rmSync(away, { recursive: true, force: true });
  const installed = present(installation);
  if (!installed) throw new SetupError('damaged', `${target} is not readable after it was installed`);
  return installed;
}

/** The wheel in the user's own folder. */
async function givenWheel(folder: string, wheel: Wheel): Promise<string> {
  const path = join(folder, wheel.file);
  if (!existsSync(path)) {
    throw new SetupError(
      'usage',
      `${wheel.file} is not in ${folder}: fetch it on a machine with a network, with "tensorcell runtime download ${folder}"`,
    );
  }
  if (!(await isWheel(path, wheel))) {
    throw new SetupError(
      'damaged',
      `${path} is not the file that was locked for this release: copy it again`,
    );
  }
  return path;
}

/** Waits for other set-ups of the same thing; returns what releases the lock. A dead owner's lock is taken over. */
async function lock(path: string, say: (line: string) => void): Promise<() => void> {
  for (let told = false; ;) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') {
        // The other one finished and cleaned up.
        mkdirSync(join(path, '..'), { recursive: true });
        continue;
      }
      if (code !== 'EEXIST') throw error;
    }
    const owner = Number(readText(path));
    const orphaned = owner > 0 ? !isAlive(owner) : olderThan(path, 10_000);
    if (orphaned) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) say(`waiting for process ${owner}, which is fetching the same files`);
    told = true;
    await sleep(300);
  }
}

/** For a lock whose owner died before it wrote its number. */
function olderThan(path: string, milliseconds: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > milliseconds;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

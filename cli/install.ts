import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeWhole } from '../src/base/files/index.ts';
import { homeFolder, tensorcellHome } from '../src/base/home.ts';
import { askPython, findPython, SetupError } from '../src/machine/runtimes/python.ts';
import { installedRuntimes, sizeOnDisk } from '../src/machine/runtimes/store.ts';
import { formatFileSize } from '../src/base/text/bytes.ts';
import { KERNEL_NAME, registerKernel } from './kernelspec.ts';
import type { Places } from './places.ts';
import { tutorialsFolder } from './tutorials.ts';

/** Jupyter's data folder of this user, where every Jupyter of this user looks. See jupyter_core's paths. */
function userJupyterData(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment['JUPYTER_DATA_DIR'];
  if (named) return named;
  const data = environment['XDG_DATA_HOME'] || join(homeFolder(environment), '.local', 'share');
  return join(data, 'jupyter');
}

/** Every place that a kernelspec was registered at, so that `uninstall` finds them again. */
function recordFile(): string {
  return join(tensorcellHome(), 'kernelspecs.json');
}

function recorded(): string[] {
  try {
    const read = JSON.parse(readFileSync(recordFile(), 'utf8')) as unknown;
    return Array.isArray(read) ? read.filter((folder) => typeof folder === 'string') : [];
  } catch {
    return [];
  }
}

function record(folders: readonly string[]): void {
  writeWhole(recordFile(), `${JSON.stringify([...new Set(folders)], undefined, 2)}\n`);
}

export interface InstallOptions {
  /** In the active Python environment. */
  sysPrefix?: boolean | undefined;
  prefix?: string | undefined;
}

/** The folder that a kernelspec goes to: `<that>/kernels/tensorcell`. */
function jupyterDataFor(options: InstallOptions): string {
  if (options.prefix) return join(resolve(options.prefix), 'share', 'jupyter');
  if (!options.sysPrefix) return userJupyterData();
  const active = process.env['VIRTUAL_ENV'] ?? process.env['CONDA_PREFIX'];
  const prefix = active ?? askPython(findPython().path, 'import sys; print(sys.prefix)');
  if (!prefix)
    throw new SetupError(
      'no-python',
      'no Python environment is active: activate one, or use --prefix FOLDER',
    );
  return join(prefix, 'share', 'jupyter');
}

/** `tensorcell install`: registers the kernel, and says what else is needed. */
export function install(places: Places, options: InstallOptions): number {
  const { folder, changed } = registerKernel(jupyterDataFor(options), places.dist);
  record([...recorded(), folder]);
  console.log(`${changed ? 'registered the kernel in' : 'the kernel is registered in'} ${folder}`);
  if (!hasJupyter()) {
    console.log(
      'no Jupyter was found on the path: "tensorcell lab" installs JupyterLab in a separate environment',
    );
  }
  if (installedRuntimes().length === 0) {
    console.log('tf runs in JavaScript until TensorFlow is installed: tensorcell runtime install');
  }
  return 0;
}

function hasJupyter(): boolean {
  return (process.env['PATH'] ?? '')
    .split(':')
    .some(
      (folder) =>
        folder !== '' &&
        ['jupyter-lab', 'jupyter', 'jupyterhub'].some((name) => existsSync(join(folder, name))),
    );
}

/** `tensorcell uninstall [--all]`: takes the kernelspecs away, lists what stays, removes that too with `--all`. */
export function uninstall(places: Places, all: boolean): number {
  const home = tensorcellHome();
  const candidates = new Set([
    ...recorded(),
    join(userJupyterData(), 'kernels', KERNEL_NAME),
    // A checkout's .venv is inside the checkout and is deleted with it.
    ...(places.checkout ? [] : [join(places.environment, 'share', 'jupyter', 'kernels', KERNEL_NAME)]),
  ]);
  for (const folder of candidates) {
    if (!existsSync(join(folder, 'kernel.json'))) continue;
    rmSync(folder, { recursive: true });
    console.log(`removed ${folder}`);
    removeIfEmpty(dirname(folder));
  }
  rmSync(recordFile(), { force: true });
  if (existsSync(home)) {
    if (all) removeHome(home);
    else listHome(home);
  }
  const tutorials = tutorialsFolder();
  if (!places.checkout && existsSync(tutorials)) {
    console.log(
      `your copy of the tutorials is kept, because it may contain your work: ${tutorials}, ${formatFileSize(sizeOnDisk(tutorials))}`,
    );
  }
  if (!places.checkout && all) console.log('to remove the command itself: npm uninstall --global tensorcell');
  return 0;
}

function removeHome(home: string): void {
  const size = sizeOnDisk(home);
  rmSync(home, { recursive: true, force: true });
  console.log(`removed ${home}, ${formatFileSize(size)} freed`);
}

function listHome(home: string): void {
  const rest = readdirSync(home).sort();
  if (rest.length > 0) console.log('kept (tensorcell uninstall --all removes it too):');
  for (const name of rest) {
    console.log(`  ${formatFileSize(sizeOnDisk(join(home, name))).padStart(8)}  ${join(home, name)}`);
  }
}

/** Jupyter makes `kernels` when it needs it; one that we made goes with our kernel. */
function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runtimesFolder } from '../src/base/home.ts';
import { RUNTIMES, runtimeRelease, type RuntimeRelease } from '../src/machine/runtimes/catalogue.ts';
import { fittingRuntime } from '../src/machine/runtimes/fit.ts';
import { downloadBytes } from '../src/machine/runtimes/install.ts';
import { pythonWithPip, SetupError } from '../src/machine/runtimes/python.ts';
import { tensorflowOfPython } from '../src/machine/runtimes/python-environment.ts';
import {
  chooseRuntime,
  chosenRuntime,
  damagedFiles,
  findRuntime,
  installedRuntimes,
  removeRuntime,
  sizeOnDisk,
} from '../src/machine/runtimes/store.ts';
import { downloadWheel } from '../src/machine/runtimes/wheels.ts';
import { formatFileSize } from '../src/base/text/bytes.ts';
import { places } from './places.ts';
import { reporter } from './progress.ts';
import { ensureRuntime } from './setup.ts';

export const RUNTIME_USAGE = [
  'runtime list [--json]',
  'runtime install [cpu|cuda|directml] [--from FOLDER]',
  'runtime download FOLDER [cpu|cuda|directml]',
  'runtime use NAME | --python PATH | auto',
  'runtime remove NAME',
  'runtime path [NAME]',
];

/** The named release, or what fits the machine. */
async function release(name: string | undefined): Promise<RuntimeRelease> {
  const wanted = name ?? (await fittingRuntime()).name ?? 'cpu';
  const found = runtimeRelease(wanted);
  if (!found)
    throw new SetupError('usage', `unknown TensorFlow build "${wanted}": use cpu, cuda or directml`);
  return found;
}

function installed(name: string | undefined): ReturnType<typeof installedRuntimes>[number] {
  const found = name === undefined ? undefined : findRuntime(name);
  if (found) return found;
  const known = installedRuntimes().map(({ id }) => id);
  throw new SetupError(
    'usage',
    `${name === undefined ? 'no TensorFlow build was named' : `no TensorFlow build "${name}" is installed`}: ${known.join(', ') || 'none is installed; tensorcell runtime install downloads one'}`,
  );
}

function list(json: boolean): number {
  const chosen = chosenRuntime();
  const rows = installedRuntimes().map((runtime) => ({
    id: runtime.id,
    tensorflow: runtime.tensorflow,
    path: runtime.path,
    sizeBytes: sizeOnDisk(runtime.path),
    damagedFiles: damagedFiles(runtime),
    chosen:
      chosen !== undefined &&
      !chosen.path &&
      (chosen.runtime === runtime.id || chosen.runtime === runtime.name),
  }));
  const available = RUNTIMES.filter(
    ({ name, version }) => !rows.some(({ id }) => id === `${name}-${version}`),
  );
  if (json) {
    const rest = available.map((one) => ({
      id: `${one.name}-${one.version}`,
      tensorflow: one.tensorflow,
      downloadBytes: downloadBytes(one),
      installedBytes: one.installedBytes,
    }));
    console.log(JSON.stringify({ installed: rows, available: rest, chosen }, undefined, 2));
    return 0;
  }
  for (const row of rows) {
    const notes = [
      row.chosen ? 'chosen' : '',
      row.damagedFiles.length > 0
        ? `damaged: ${row.damagedFiles[0]} (tensorcell runtime install ${row.id.split('-')[0]} installs it again)`
        : '',
    ].filter((note) => note !== '');
    console.log(
      `${row.id.padEnd(18)} TensorFlow ${row.tensorflow.padEnd(8)} ${formatFileSize(row.sizeBytes).padStart(7)}  ${row.path}${notes.length > 0 ? `  (${notes.join('; ')})` : ''}`,
    );
  }
  if (chosen?.path)
    console.log(`chosen: TensorFlow ${chosen.tensorflow ?? 'of an unknown version'} in ${chosen.path}`);
  if (rows.length === 0)
    console.log(
      'no TensorFlow build is installed: tensorcell runtime install downloads the one that fits this machine',
    );
  for (const one of available) {
    console.log(
      `not installed: ${one.name.padEnd(9)} ${one.summary}; ${formatFileSize(downloadBytes(one))} to fetch, ${formatFileSize(one.installedBytes)} installed`,
    );
  }
  return 0;
}

async function use(name: string | undefined, python: string | undefined): Promise<number> {
  mkdirSync(runtimesFolder(), { recursive: true });
  if (python !== undefined) {
    const found = tensorflowOfPython(python);
    chooseRuntime({ runtime: 'python', ...found });
    console.log(`TensorFlow ${found.tensorflow} in ${found.path} is used from the next kernel start`);
    const own = RUNTIMES[0]?.tensorflow;
    if (own && found.tensorflow !== own) {
      console.log(`Tensorcell is not tested with this version, but with ${own}`);
    }
    return 0;
  }
  if (name === 'auto') {
    chooseRuntime(undefined);
    console.log('the build that fits the machine is used from the next kernel start');
    return 0;
  }
  const found = installed(name);
  chooseRuntime({ runtime: name === found.name ? found.name : found.id });
  console.log(`${found.id} is used from the next kernel start`);
  return 0;
}

async function download(folder: string | undefined, name: string | undefined): Promise<number> {
  if (!folder) throw new SetupError('usage', 'name the folder for the wheels');
  const target = resolve(folder);
  mkdirSync(target, { recursive: true });
  const wanted = await release(name);
  const report = reporter();
  const python = pythonWithPip([places().environment]);
  for (const wheel of wanted.wheels) {
    report.say(`fetching ${wheel.file} (${formatFileSize(wheel.bytes)})`);
    await downloadWheel(python, wheel, target, (done, total) => report.progress('fetched', done, total));
  }
  report.say(`on the other machine: tensorcell runtime install ${wanted.name} --from ${folder}`);
  return 0;
}

/** `tensorcell runtime …`: resolves to the exit code. */
export async function runtimeCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { from: { type: 'string' }, python: { type: 'string' }, json: { type: 'boolean' } },
  });
  const [action = 'list', name, other] = positionals;
  switch (action) {
    case 'list':
      return list(values.json === true);
    case 'install':
      await ensureRuntime(
        name,
        [places().environment],
        reporter(),
        values.from && resolve(values.from),
        true,
      );
      return 0;
    case 'download':
      return download(name, other);
    case 'use':
      return use(name, values.python);
    case 'remove': {
      const found = installed(name);
      const size = sizeOnDisk(found.path);
      removeRuntime(found);
      console.log(`removed ${found.id}, ${formatFileSize(size)} freed`);
      return 0;
    }
    case 'path':
      console.log(name === undefined ? runtimesFolder() : installed(name).path);
      return 0;
    default:
      throw new SetupError(
        'usage',
        `unknown command "runtime ${action}": use one of list, install, download, use, remove, path`,
      );
  }
}

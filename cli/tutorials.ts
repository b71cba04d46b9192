import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../src/base/files/index.ts';
import { SetupError } from '../src/machine/runtimes/python.ts';
import type { Places } from './places.ts';
import type { Reporter } from './progress.ts';
import { homeFolder } from '../src/base/home.ts';

/** Where an installed package puts the reader's own copy of the tutorials. */
export function tutorialsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(homeFolder(environment), 'tensorcell-tutorials');
}

interface Manifest {
  dependencies?: Record<string, string>;
  [key: string]: unknown;
}

function readJson(file: string): Manifest {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch (error) {
    throw new SetupError('damaged', `${file} cannot be read: repair or delete it, and run this again`, {
      cause: error,
    });
  }
}

/**
 * Gives the reader a copy of the tutorials that they may change, with the data next to it. Existing files are
 * left alone, since they may hold the reader's work; files that a newer version brings are added.
 * @throws SetupError when npm cannot fetch the data
 */
export function prepareTutorials(places: Places, folder: string, report: Reporter): void {
  const source = join(places.dist, 'notebooks');
  mkdirSync(folder, { recursive: true });
  const missing = readdirSync(source).filter(
    (name) => name.endsWith('.ipynb') && !existsSync(join(folder, name)),
  );
  // Half a copy would look like the reader's own work, and stay.
  for (const name of missing) writeWhole(join(folder, name), readFileSync(join(source, name)));
  if (missing.length > 0) report.say(`copied ${missing.length} tutorials to ${folder}`);
  // The build wrote down which packages hold the tutorials' data.
  const data = readJson(join(source, 'package.json')).dependencies ?? {};
  const file = join(folder, 'package.json');
  const own = existsSync(file) ? readJson(file) : { private: true };
  const added = Object.keys(data).filter((name) => own.dependencies?.[name] === undefined);
  if (added.length > 0) {
    const dependencies = { ...data, ...own.dependencies };
    writeWhole(file, `${JSON.stringify({ ...own, dependencies }, undefined, 2)}\n`);
  }
  if (Object.keys(data).every((name) => existsSync(join(folder, 'node_modules', name, 'package.json'))))
    return;
  report.say('fetching the data of the tutorials');
  const done = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: folder, encoding: 'utf8' },
  );
  if (done.status === 0) return;
  const said = (done.stderr ?? '').trim().split('\n')[0] || String(done.error);
  throw new SetupError(
    'no-network',
    `the data of the tutorials could not be fetched by npm into ${folder}: check the network and run this again; npm said: ${said}`,
  );
}

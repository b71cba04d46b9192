import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../src/base/files/index.ts';
import {
  askPython,
  environmentPython,
  explainPipFailure,
  findPython,
  missingVenv,
  runPip,
} from '../src/machine/runtimes/python.ts';
import { requireSpace } from '../src/machine/runtimes/wheels.ts';
import type { Reporter } from './progress.ts';

/** Written last: which requirements an environment holds in full. */
const MARKER = 'tensorcell-environment.json';

/** JupyterLab with its packages, measured: 241 MB, and room to unpack. */
const ENVIRONMENT_BYTES = 500_000_000;

/** Asks the network for nothing that the reader did not ask for: no news, no check for updates. */
const QUIET_SETTINGS = {
  '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false },
};

function digest(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

function recorded(folder: string): string[] {
  try {
    const { complete } = JSON.parse(readFileSync(join(folder, MARKER), 'utf8')) as { complete?: unknown };
    return Array.isArray(complete) ? complete : [];
  } catch {
    return [];
  }
}

/** True when every requirement file was installed there in full, and its Python is still around. */
export function environmentIsReady(folder: string, requirements: readonly string[]): boolean {
  const complete = recorded(folder);
  return (
    existsSync(environmentPython(folder)) &&
    existsSync(join(folder, 'package.json')) &&
    requirements.every((file) => complete.includes(digest([file])))
  );
}

/**
 * Makes a Python environment in `folder` with what the locked requirement files name. Files of an interrupted run are
 * used: pip skips what is installed.
 * @throws SetupError when Python, its venv module, the network or disk space is missing
 */
export async function prepareEnvironment(
  folder: string,
  requirements: readonly string[],
  report: Reporter,
): Promise<void> {
  if (environmentIsReady(folder, requirements)) return;
  const python = environmentPython(folder);
  if (!existsSync(python) || askPython(python, 'import pip') === undefined) {
    const base = findPython();
    const missing = missingVenv(base);
    if (missing) throw missing;
    requireSpace(folder, ENVIRONMENT_BYTES, 'a Python environment with JupyterLab');
    report.say(`creating a Python ${base.version} environment in ${folder}`);
    // --clear: one whose Python was removed or upgraded away cannot be repaired in place.
    const made = spawnSync(base.path, ['-m', 'venv', '--clear', folder], { encoding: 'utf8' });
    if (made.status !== 0) throw explainPipFailure(made.stderr + made.stdout, 'a Python environment');
  }
  for (const file of requirements) {
    const wanted = digest([file]);
    if (recorded(folder).includes(wanted)) continue;
    const total = (readFileSync(file, 'utf8').match(/^[\w.-]+==/gm) ?? []).length;
    report.say(
      `installing JupyterLab and its dependencies (${total} packages, locked versions) in ${folder}`,
    );
    let count = 0;
    await runPip(
      python,
      [
        'install',
        '--require-hashes',
        '--no-deps',
        '--only-binary=:all:',
        '--progress-bar',
        'off',
        '-r',
        file,
      ],
      'JupyterLab',
      {
        onLine: (line) => {
          const name = /^(?:Collecting|Requirement already satisfied:) ([^\s=]+)/.exec(line)?.[1];
          if (name) report.note(`${++count} of ${total}: ${name}`);
          else if (line.startsWith('Installing')) report.note('unpacking');
        },
      },
    );
    report.clear();
    writeWhole(join(folder, MARKER), `${JSON.stringify({ complete: [...recorded(folder), wanted] })}\n`);
  }
  // JupyterLab runs one of its CommonJS files with Node, and a checkout above says that all its files are ES modules.
  writeWhole(join(folder, 'package.json'), '{ "private": true, "type": "commonjs" }\n');
  const settings = join(folder, 'share', 'jupyter', 'lab', 'settings');
  writeWhole(join(settings, 'overrides.json'), `${JSON.stringify(QUIET_SETTINGS, undefined, 2)}\n`);
}

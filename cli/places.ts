import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownEnvironment } from '../src/machine/runtimes/python.ts';

/** The folders that the command works with. */
export interface Places {
  /** The bundles: kernel.js, cli.js and the other files of their folder. */
  dist: string;
  /** The folder that holds package.json. */
  root: string;
  /** True in a clone of the repository, false where the package is installed. */
  checkout: boolean;
  /** Python environment with JupyterLab, unless another is named. */
  environment: string;
  /** Locked Python packages of `lab`. */
  requirements: string;
  notebooks: string;
}

/** Bundled, this module is in dist/ (or in a chunk there); the package is the folder above. */
export function places(here: string = dirname(fileURLToPath(import.meta.url))): Places {
  const root = dirname(here);
  const checkout = existsSync(join(root, 'scripts', 'setup.mjs'));
  return {
    dist: here,
    root,
    checkout,
    environment: checkout ? join(root, '.venv') : ownEnvironment(),
    requirements: join(here, 'requirements', 'lab.txt'),
    notebooks: join(root, 'notebooks'),
  };
}

/** Of the package, as its package.json has it. */
export function version({ root }: Pick<Places, 'root'>): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

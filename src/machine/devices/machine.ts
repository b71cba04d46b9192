import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The machine that is looked at. Tests point it at a folder of files, fake libraries and recorded texts; nothing in
 * `src/machine/devices` reads a path, a variable or the clock but through it.
 */
export interface Machine {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly architecture: string;
  /** Version of Node that runs cells, without `v`. */
  readonly nodeVersion: string;
  /** The script that asks drivers in a separate process. */
  readonly probeFile: string;
  /** Milliseconds since 1970. */
  now(): number;
}

/** The probe's bundle lies next to the bundle that holds this module. */
function bundledProbe(): string {
  return join(dirname(fileURLToPath(import.meta.url)), 'probe.js');
}

export function thisMachine(environment: Machine['environment'] = process.env): Machine {
  return {
    root: '/',
    environment,
    architecture: process.arch,
    nodeVersion: process.versions.node,
    probeFile: bundledProbe(),
    now: () => Date.now(),
  };
}

let here: Machine | undefined;

/** The machine that this process runs on, one object for all who ask. */
export function currentMachine(): Machine {
  return (here ??= thisMachine());
}

const MOST_LINKS = 40; // as the kernel's own limit

/**
 * Follows links as the machine itself would: an absolute link target is below `root` too. Undefined when something on
 * the way does not exist. The result is again a path of the machine.
 */
export function realPath(machine: Machine, path: string): string | undefined {
  let pending = normalize(path).split('/').filter(Boolean);
  let done: string[] = [];
  let links = 0;
  while (pending.length > 0) {
    const [name, ...rest] = pending as [string, ...string[]];
    const here = hostPath(machine, `/${[...done, name].join('/')}`);
    let target: string | undefined;
    try {
      if (lstatSync(here).isSymbolicLink()) target = readlinkSync(here);
    } catch {
      return undefined;
    }
    if (target === undefined) {
      done.push(name);
      pending = rest;
      continue;
    }
    if (++links > MOST_LINKS) return undefined;
    const absolute = resolve(`/${done.join('/')}`, target);
    done = [];
    pending = [...absolute.split('/').filter(Boolean), ...rest];
  }
  return `/${done.join('/')}`;
}

/** Where a path of the machine lies on the machine that looks. Links are not followed. */
export function hostPath(machine: Machine, path: string): string {
  return machine.root === '/' ? path : join(machine.root, path);
}

/** The same with links followed; undefined when there is no such file. */
export function existingHostPath(machine: Machine, path: string): string | undefined {
  const real = realPath(machine, path);
  return real === undefined ? undefined : hostPath(machine, real);
}

export function exists(machine: Machine, path: string): boolean {
  return existingHostPath(machine, path) !== undefined;
}

/** Whether this user may read and write it. */
export function usable(machine: Machine, path: string): boolean {
  const host = existingHostPath(machine, path);
  if (host === undefined) return false;
  try {
    accessSync(host, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The text of a file, or undefined when it cannot be read. */
export function readText(machine: Machine, path: string): string | undefined {
  const bytes = readBytes(machine, path);
  return bytes?.toString('utf8');
}

export function readBytes(machine: Machine, path: string): Buffer | undefined {
  const host = existingHostPath(machine, path);
  if (host === undefined) return undefined;
  try {
    return readFileSync(host);
  } catch {
    return undefined;
  }
}

/** Bytes of a file; undefined when there is none. */
export function sizeOf(machine: Machine, path: string): number | undefined {
  const host = existingHostPath(machine, path);
  return host === undefined ? undefined : statSync(host, { throwIfNoEntry: false })?.size;
}

/** Names in a folder, sorted; none when it cannot be read. */
export function listFolder(machine: Machine, path: string): string[] {
  const host = existingHostPath(machine, path);
  if (host === undefined || !existsSync(host)) return [];
  try {
    return readdirSync(host).toSorted();
  } catch {
    return [];
  }
}

export function isFile(machine: Machine, path: string): boolean {
  const host = existingHostPath(machine, path);
  if (host === undefined) return false;
  try {
    return statSync(host).isFile();
  } catch {
    return false;
  }
}

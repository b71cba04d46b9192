import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * A name beside `file` for what is not finished yet. It carries the process, so that what a killed one left behind
 * can be told from what is being written.
 */
function temporaryName(file: string): string {
  return join(dirname(file), `.${basename(file)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
}

/**
 * Writes a file that is there whole or not at all: it is written under another name, brought to the disk and only
 * then renamed. A process that is killed in between leaves the old file as it was.
 */
export function writeFileAtomically(file: string, parts: Uint8Array | Iterable<Uint8Array>): void {
  mkdirSync(dirname(file), { recursive: true });
  removeLeftovers(file);
  const temporary = temporaryName(file);
  try {
    const descriptor = openSync(temporary, 'wx');
    try {
      for (const part of parts instanceof Uint8Array ? [parts] : parts) {
        for (let written = 0; written < part.length;) written += writeSync(descriptor, part, written);
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(file));
}

/** The rename itself should survive a power cut, too. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes unfinished files of processes that are gone. */
function removeLeftovers(file: string): void {
  const folder = dirname(file);
  const prefix = `.${basename(file)}.`;
  for (const name of readdirSync(folder)) {
    const match = name.startsWith(prefix)
      ? /^(\d+)\.[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length))
      : null;
    if (match && !isAlive(Number(match[1]))) rmSync(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

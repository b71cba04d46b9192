/** A disk of a few hundred kilobytes that can be filled: a tmpfs, which takes the right to mount. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly folder: string;
  /** Leaves no byte free. */
  fill(): void;
  /** Removes what `fill` wrote: all of it, or so many bytes. */
  free(bytes?: number): void;
  close(): void;
}

/** Why there is none here; undefined when `smallDisk` works. */
export function smallDiskProblem(): string | undefined {
  try {
    smallDisk().close();
    return undefined;
  } catch (error) {
    return `no tmpfs can be mounted here: ${(error as Error).message.split('\n')[0]}`;
  }
}

export function smallDisk(kilobytes = 512): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  mkdirSync(join(folder, 'work'));
  const filler = join(folder, 'filler');
  return {
    folder: join(folder, 'work'),
    fill() {
      const file = openSync(filler, 'a');
      try {
        for (const size of [65_536, 4096, 1]) {
          const bytes = Buffer.alloc(size);
          for (;;) if (writeSync(file, bytes) < size) break;
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free(bytes) {
      if (bytes === undefined) rmSync(filler, { force: true });
      else truncateSync(filler, Math.max(0, statSync(filler).size - bytes));
    },
    close() {
      // Lazily: a database keeps its file open until its statements are collected.
      execFileSync('umount', ['--lazy', folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Every file below a folder with its bytes. */
export function contents(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(path, readFileSync(path, 'base64'));
  }
  return found;
}

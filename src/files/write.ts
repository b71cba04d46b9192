import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { FileError, remedyOf, systemReason } from './errors.ts';
import { removeLeftovers, temporaryName } from './leftovers.ts';

/** What was written, as it can be read back from the disk. */
export interface WrittenFile {
  readonly bytes: number;
  /** At most `length` bytes from `start`. */
  read(start: number, length: number): Buffer;
}

export interface WriteOptions {
  /** Permissions of a file that did not exist before, less the umask. Default 0o666; those of an existing file stay. */
  mode?: number;
  /** Brings the file to the disk before it is renamed. Default true; false for what a power cut ends anyway. */
  durable?: boolean;
  /** Looks at the header of what was written; gives what is wrong with it. */
  check?: (file: WrittenFile) => string | undefined;
}

type Parts = string | Uint8Array | Iterable<Uint8Array>;

/** Bytes at either end that are compared with what was written. */
const COMPARED = 4096;

/**
 * Writes a file that is there whole or not at all: it is written under another name in the same folder, its size and
 * both ends are read back, it is brought to the disk and then renamed. A symbolic link stays, and what it points to is
 * replaced. Devices are written in place.
 *
 * @throws FileError naming the file and the reason; the file that was there before is untouched then.
 */
export function writeWhole(file: string, parts: Parts, options: WriteOptions = {}): void {
  stageWhole(file, parts, options).commit();
}

export interface StagedFile {
  /** Puts the file in its place. @throws FileError */
  commit(): void;
  /** Removes it again. */
  discard(): void;
}

/** The first half of {@link writeWhole}: for several files that belong together, all of which are renamed at the end. */
export function stageWhole(file: string, parts: Parts, options: WriteOptions = {}): StagedFile {
  const list =
    typeof parts === 'string' ? [Buffer.from(parts)] : parts instanceof Uint8Array ? [parts] : parts;
  let temporary: string | undefined;
  const failed = (error: unknown): FileError => {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    if (error instanceof FileError) return error;
    return writeFailure(file, error, temporary !== undefined && existed);
  };
  let existed = false;
  try {
    mkdirSync(dirname(file), { recursive: true });
    const target = realTarget(file);
    const before = statSync(target, { throwIfNoEntry: false });
    existed = before !== undefined;
    if (before?.isDirectory() === true) throw notAFile(file, 'a folder');
    if (before !== undefined && !before.isFile()) {
      return { commit: () => writeInPlace(file, list), discard: () => undefined };
    }
    removeLeftovers(target);
    temporary = temporaryName(target);
    writeTemporary(file, temporary, list, before?.mode, options);
    const staged = temporary;
    return {
      commit() {
        try {
          renameSync(staged, target);
          if (options.durable !== false) syncFolder(dirname(target));
        } catch (error) {
          throw failed(error);
        }
      },
      discard: () => rmSync(staged, { force: true }),
    };
  } catch (error) {
    throw failed(error);
  }
}

/** Writes several files, of which all are in their places or none was touched: they are renamed once all are written. */
export function writeTogether(
  files: readonly (readonly [path: string, parts: Parts, options?: WriteOptions])[],
): void {
  const staged: StagedFile[] = [];
  try {
    for (const [path, parts, options] of files) staged.push(stageWhole(path, parts, options));
  } catch (error) {
    for (const one of staged) one.discard();
    throw error;
  }
  for (const one of staged) one.commit();
}

function writeFailure(file: string, error: unknown, kept: boolean): FileError {
  const { code = 'TENSORCELL_FILE_WRITE' } = error as Partial<NodeJS.ErrnoException>;
  const remedy = remedyOf(error);
  return new FileError(
    `cannot write ${file}: ${systemReason(error)}${kept ? '; the file that was there is kept' : ''}${remedy === undefined ? '' : `: ${remedy}`}`,
    code,
    file,
    { cause: error },
  );
}

function notAFile(file: string, what: string): FileError {
  return new FileError(`cannot write ${file}: it is ${what}; name a file`, 'TENSORCELL_FILE_KIND', file);
}

/** Where a chain of symbolic links ends. */
function realTarget(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return file;
    throw error;
  }
}

function writeTemporary(
  file: string,
  temporary: string,
  parts: Iterable<Uint8Array>,
  mode: number | undefined,
  options: WriteOptions,
): void {
  const descriptor = openSync(temporary, 'wx+', options.mode ?? 0o666);
  try {
    if (mode !== undefined) keepMode(descriptor, mode);
    const ends = new Ends();
    for (const part of parts) {
      writeAll(descriptor, part);
      ends.add(part);
    }
    if (options.durable !== false) sync(descriptor);
    const problem = readBack(descriptor, ends, options.check);
    if (problem !== undefined) {
      throw new FileError(
        `cannot write ${file}: ${problem} after it was written; nothing was replaced: try again, or choose a path on another disk`,
        'TENSORCELL_FILE_DAMAGED',
        file,
      );
    }
  } finally {
    closeSync(descriptor);
  }
}

/** On file systems without permissions there is nothing to keep. */
function keepMode(descriptor: number, mode: number): void {
  try {
    fchmodSync(descriptor, mode & 0o7777);
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EINVAL', 'ENOSYS')) throw error;
  }
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Writes all bytes: a write may take fewer than it was given. @throws the system's error */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const written = writeSync(descriptor, bytes, at);
    if (written <= 0) throw Object.assign(new Error('the disk took no bytes'), { code: 'EIO' });
    at += written;
  }
}

/** How many bytes were written, and copies of both ends. */
class Ends {
  bytes = 0;
  head = Buffer.alloc(0);
  tail = Buffer.alloc(0);

  add(part: Uint8Array): void {
    this.bytes += part.length;
    if (this.head.length < COMPARED) {
      this.head = Buffer.concat([this.head, part.subarray(0, COMPARED - this.head.length)]);
    }
    const last = part.subarray(Math.max(0, part.length - COMPARED));
    const before = this.tail.subarray(Math.max(0, this.tail.length - (COMPARED - last.length)));
    this.tail = Buffer.concat([before, last]);
  }
}

function readBack(descriptor: number, ends: Ends, check: WriteOptions['check']): string | undefined {
  const bytes = fstatSync(descriptor).size;
  if (bytes !== ends.bytes) return `it has ${bytes} bytes, not ${ends.bytes},`;
  const read = (start: number, length: number): Buffer => {
    const buffer = Buffer.alloc(Math.max(0, Math.min(length, bytes - start)));
    let at = 0;
    while (at < buffer.length) {
      const got = readSync(descriptor, buffer, at, buffer.length - at, start + at);
      if (got === 0) break;
      at += got;
    }
    return buffer.subarray(0, at);
  };
  if (!read(0, ends.head.length).equals(ends.head)) return 'its beginning reads back with other bytes';
  if (!read(bytes - ends.tail.length, ends.tail.length).equals(ends.tail)) {
    return 'its end reads back with other bytes';
  }
  const wrong = check?.({ bytes, read });
  return wrong === undefined ? undefined : `it reads back wrong (${wrong})`;
}

function sync(descriptor: number): void {
  try {
    fsyncSync(descriptor);
  } catch (error) {
    // Some network and FUSE file systems cannot; what they report then is not a fault of the disk.
    if (!hasCode(error, 'EINVAL', 'ENOTSUP', 'ENOSYS')) throw error;
  }
}

/** The rename itself survives a power cut then. */
function syncFolder(folder: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(folder, 'r');
  } catch {
    // A folder that may be written but not read: the file is in its place all the same.
    return;
  }
  try {
    sync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Devices, pipes and /dev/stdout: nothing can be renamed over them. Opening a pipe that no process reads must not block. */
function writeInPlace(file: string, parts: Iterable<Uint8Array>): void {
  try {
    const descriptor = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      for (const part of parts) for (let at = 0; at < part.length;) at += writeSome(descriptor, part, at);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (hasCode(error, 'ENXIO')) throw notAFile(file, 'a pipe that no process reads');
    throw writeFailure(file, error, false);
  }
}

/** Waits up to 10 s for a reader that is slower. */
function writeSome(descriptor: number, bytes: Uint8Array, at: number): number {
  for (let waited = 0; ; waited += 1) {
    try {
      return writeSync(descriptor, bytes, at);
    } catch (error) {
      if (!hasCode(error, 'EAGAIN') || waited >= 1000) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FileError, remedyOf, systemReason } from './errors.ts';
import { removeLeftovers, temporaryName } from './leftovers.ts';
import { errorCode } from '../error-code.ts';

/** The written bytes, as they can be read back from the disk. */
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
  writeTogether([[file, parts, options]]);
}

/** A file that is written, checked and on the disk, under a temporary name in its folder. */
interface StagedFile {
  /** Puts the file in its place. `undoable` keeps what was there until `settle`. @throws FileError */
  place(undoable: boolean): void;
  /** Puts back what was there. */
  undo(): void;
  /** Brings the new name to the disk, and removes what `place` kept. @throws FileError */
  settle(): void;
  /** Removes what is not in its place. */
  discard(): void;
}

/** The first half of {@link writeWhole}. @throws FileError */
function stageWhole(file: string, parts: Parts, options: WriteOptions): StagedFile {
  const list =
    typeof parts === 'string' ? [Buffer.from(parts)] : parts instanceof Uint8Array ? [parts] : parts;
  let temporary: string | undefined;
  let existed = false;
  try {
    const made = mkdirSync(dirname(file), { recursive: true });
    const target = realTarget(file);
    const before = statSync(target, { throwIfNoEntry: false });
    existed = before !== undefined;
    if (before?.isDirectory() === true) throw notAFile(file, 'a folder');
    if (before !== undefined && !before.isFile()) return inPlace(file, list);
    removeLeftovers(target);
    temporary = temporaryName(target);
    writeTemporary(file, temporary, list, before?.mode, options);
    return new Staged(
      file,
      target,
      temporary,
      existed,
      options.durable === false ? [] : newNames(target, made),
    );
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    throw error instanceof FileError ? error : writeFailure(file, error, temporary !== undefined && existed);
  }
}

/** Nothing can be renamed over a device: it is written when all others are staged. */
function inPlace(file: string, parts: Iterable<Uint8Array>): StagedFile {
  const nothing = (): void => undefined;
  return { place: () => writeInPlace(file, parts), undo: nothing, settle: nothing, discard: nothing };
}

/** The folders in which a name is new: that of the file, and those above the first folder that was made for it. */
function newNames(target: string, made: string | undefined): string[] {
  const folders = [dirname(target)];
  if (made === undefined) return folders;
  const top = dirname(resolve(made));
  for (let folder = dirname(target); resolve(folder) !== top && dirname(folder) !== folder;) {
    folder = dirname(folder);
    folders.push(folder);
  }
  return folders;
}

class Staged implements StagedFile {
  readonly #file: string;
  readonly #target: string;
  readonly #temporary: string;
  readonly #existed: boolean;
  /** Folders whose entries are brought to the disk. */
  readonly #folders: readonly string[];
  #kept: string | undefined;
  #placed = false;

  constructor(file: string, target: string, temporary: string, existed: boolean, folders: readonly string[]) {
    this.#file = file;
    this.#target = target;
    this.#temporary = temporary;
    this.#existed = existed;
    this.#folders = folders;
  }

  place(undoable: boolean): void {
    try {
      if (undoable && this.#existed) {
        const kept = temporaryName(this.#target);
        keepUnder(this.#target, kept);
        this.#kept = kept;
      }
      renameSync(this.#temporary, this.#target);
      this.#placed = true;
    } catch (error) {
      this.discard();
      throw writeFailure(this.#file, error, this.#existed);
    }
  }

  undo(): void {
    if (!this.#placed) return;
    const kept = this.#kept;
    this.#placed = false;
    // Where even this fails, the old file stays under its other name.
    this.#kept = undefined;
    try {
      if (kept === undefined) rmSync(this.#target, { force: true });
      else renameSync(kept, this.#target);
    } catch {
      // The error that is under way tells more.
    }
  }

  settle(): void {
    if (this.#kept !== undefined) rmSync(this.#kept, { force: true });
    this.#kept = undefined;
    try {
      for (const folder of this.#folders) syncFolder(folder);
    } catch (error) {
      // The old file is gone, and what a power cut would leave is not known.
      throw new FileError(
        `${this.#file} was written and is in its place, but may not survive a power cut: ${systemReason(error)}: save it on another disk too`,
        errorCode(error) ?? 'TENSORCELL_FILE_WRITE',
        this.#file,
        { cause: error },
      );
    }
  }

  discard(): void {
    for (const path of [this.#temporary, this.#kept]) if (path !== undefined) rmSync(path, { force: true });
    this.#kept = undefined;
  }
}

/** A second name for a file, which outlives the first one; a copy on file systems without links. */
function keepUnder(file: string, other: string): void {
  try {
    linkSync(file, other);
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EACCES')) throw error;
    copyFileSync(file, other, constants.COPYFILE_EXCL);
  }
}

/** Writes several files, of which all are in their places or none was touched: they are renamed once all are written. */
export function writeTogether(
  files: readonly (readonly [path: string, parts: Parts, options?: WriteOptions])[],
): void {
  const staged: StagedFile[] = [];
  try {
    for (const [path, parts, options] of files) staged.push(stageWhole(path, parts, options ?? {}));
    for (const one of staged) one.place(staged.length > 1);
  } catch (error) {
    for (const one of staged) one.undo();
    for (const one of staged) one.discard();
    throw error;
  }
  const failures: unknown[] = [];
  for (const one of staged) {
    try {
      one.settle();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** An error of the system as one that names the file and what to do. @param kept the old file is still there. */
export function writeFailure(file: string, error: unknown, kept: boolean): FileError {
  const code = errorCode(error) ?? 'TENSORCELL_FILE_WRITE';
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
    if (errorCode(error) === 'ENOENT') return file;
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
    if (options.durable !== false) syncFile(descriptor);
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
  return codes.includes(errorCode(error) ?? '');
}

/** Writes all bytes: a write may take fewer than it was given. @throws the system's error */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const written = writeSync(descriptor, bytes, at);
    if (written <= 0) throw Object.assign(new Error('the disk accepted no bytes'), { code: 'EIO' });
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

/** @throws the system's error, where the disk has not taken what was written */
export function syncFile(descriptor: number): void {
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
    syncFile(descriptor);
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

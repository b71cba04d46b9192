import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FileError, systemReason } from './errors.ts';
import { errorCode } from '../error-code.ts';

export type FilePath = string | URL;

/** The path as text, also of a `file:` URL. */
export function pathText(file: FilePath): string {
  return file instanceof URL ? fileURLToPath(file) : file;
}

/** One read never takes more: the limit of Node's own readFileSync, and of its Buffers on Node 20. */
const MOST_BYTES = 2 ** 32 - 2 ** 20;

function kindOf(stats: ReturnType<typeof fstatSync>): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device';
  return stats.isSocket() ? 'a socket' : 'not a file';
}

/**
 * Opens a regular file for reading. Pipes, devices and sockets are refused without waiting for them: reading these may
 * never end.
 *
 * @throws FileError naming the file.
 */
export function openRegular(path: string): { descriptor: number; bytes: number } {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const code = errorCode(error) ?? 'TENSORCELL_FILE_READ';
    throw new FileError(`cannot read ${path}: ${systemReason(error)}`, code, path, { cause: error });
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      throw new FileError(
        `cannot read ${path}: it is ${kindOf(stats)}; name a file`,
        'TENSORCELL_FILE_KIND',
        path,
      );
    }
    return { descriptor, bytes: stats.size };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/**
 * A regular file's bytes.
 *
 * @param limit the most bytes that such a file can have.
 * @throws FileError for what cannot be read, is not a regular file, or is larger.
 */
export function readRegular(file: FilePath, limit = MOST_BYTES): Buffer {
  const path = pathText(file);
  const { descriptor, bytes } = openRegular(path);
  try {
    if (bytes > limit) {
      throw new FileError(
        `cannot read ${path}: it has ${bytes} bytes, and at most ${limit} can be read at once`,
        'TENSORCELL_FILE_SIZE',
        path,
      );
    }
    const buffer = Buffer.allocUnsafe(bytes);
    let at = 0;
    while (at < bytes) {
      const got = readSync(descriptor, buffer, at, Math.min(bytes - at, 2 ** 30), at);
      if (got === 0) break;
      at += got;
    }
    return buffer.subarray(0, at);
  } catch (error) {
    if (error instanceof FileError) throw error;
    const code = errorCode(error) ?? 'TENSORCELL_FILE_READ';
    throw new FileError(`cannot read ${path}: ${systemReason(error)}`, code, path, { cause: error });
  } finally {
    closeSync(descriptor);
  }
}

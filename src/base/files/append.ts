import { closeSync, constants, fstatSync, ftruncateSync, mkdirSync, openSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileError, remedyOf, systemReason } from './errors.ts';
import { syncFile, writeAll } from './write.ts';
import { errorCode } from '../error-code.ts';

/** A pipe that no process reads is refused instead of waited for. */
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

/**
 * Appends bytes to a file, all of them or none: what a failed write left of them is cut off again.
 *
 * @param options `empty` empties the file first; `durable` (default true) brings the bytes to the disk.
 * @throws FileError naming the file and the reason.
 */
export function appendWhole(
  file: string,
  bytes: Uint8Array | string,
  { empty = false, durable = true } = {},
): void {
  /** How long the file was, once all bytes are in it and before it is closed. */
  let written: number | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true });
    const descriptor = openSync(file, empty ? APPEND | constants.O_TRUNC : APPEND);
    try {
      const before = fstatSync(descriptor);
      try {
        writeAll(descriptor, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
        if (durable && before.isFile()) syncFile(descriptor);
      } catch (error) {
        if (before.isFile()) ftruncateSync(descriptor, before.size);
        throw error;
      }
      if (before.isFile()) written = before.size;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    // Disks behind a network report it when the file is closed.
    if (written !== undefined) cutOff(file, written);
    const code = errorCode(error) ?? 'TENSORCELL_FILE_WRITE';
    const remedy = remedyOf(error);
    throw new FileError(
      `cannot write ${file}: ${systemReason(error)}${remedy === undefined ? '' : `: ${remedy}`}`,
      code,
      file,
      { cause: error },
    );
  }
}

function cutOff(file: string, bytes: number): void {
  try {
    truncateSync(file, bytes);
  } catch {
    // The error that is under way tells more.
  }
}

/**
 * A log that only grows, such as a CSV file or the events of TensorBoard. A record is in it whole or not at all, so the
 * file stays readable. A failure is reported once and never thrown: a training must not end because its log has no room.
 * Later records are tried again.
 */
export class AppendLog {
  readonly file: string;
  readonly #report: (text: string) => void;
  #reported = false;

  constructor(file: string, report: (text: string) => void) {
    this.file = file;
    this.#report = report;
  }

  /** Appends one record; false when it could not be written. */
  append(record: Uint8Array | string): boolean {
    return this.#attempt(record, false);
  }

  /** Empties the file, or makes it; false when that failed. */
  clear(): boolean {
    return this.#attempt('', true);
  }

  #attempt(record: Uint8Array | string, empty: boolean): boolean {
    try {
      // The next record is not to wait for the disk.
      appendWhole(this.file, record, { empty, durable: false });
      return true;
    } catch (error) {
      const { message } = error as FileError;
      if (!this.#reported) {
        this.#report(
          `${message}. The training continues; lines that could not be written are missing in this file`,
        );
      }
      this.#reported = true;
      return false;
    }
  }
}

import { closeSync, fstatSync, openSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { theSystem, type Address } from './system.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
/** The result of a failed mmap, as an address. */
const MAP_FAILED = -1;

/** Memory could not be shared or mapped; `code` is the system's name of the reason, such as `ENOMEM`. */
export class MappingError extends Error {
  override readonly name = 'MappingError';
  readonly code: string;

  constructor(what: string, code: string, options?: ErrorOptions) {
    super(`${what}: ${code}`, options);
    this.code = code;
  }
}

export function systemErrorCode(): string {
  const number = theSystem().errno();
  try {
    return getSystemErrorName(-number);
  } catch {
    return `error ${number}`;
  }
}

/** A file's bytes in memory. Its owner unmaps it, once; nothing may read it afterwards. */
export interface Mapping {
  readonly address: Address;
  readonly length: number;
  unmap(): void;
  /** From now on other code unmaps it: C code that was given `munmapAddress`. */
  disown(): void;
}

/**
 * Maps `length` bytes of an open file from its beginning, shared and writable, or private and for reading only.
 *
 * @throws MappingError when the system refuses, and when the file is shorter: reading past its end would end the process.
 */
export function mapFile(fd: number, length: number, how: 'shared' | 'reading', what: string): Mapping {
  const { size } = fstatSync(fd);
  if (size < length) throw new MappingError(`${what} has ${size} bytes, not ${length}`, 'TRUNCATED');
  if (length === 0) return { address: 0, length, unmap: () => undefined, disown: () => undefined };
  const system = theSystem();
  const protection = how === 'shared' ? PROT_READ | PROT_WRITE : PROT_READ;
  const address = system.mmap(0, length, protection, how === 'shared' ? MAP_SHARED : MAP_PRIVATE, fd, 0);
  if (address === MAP_FAILED) {
    throw new MappingError(`cannot map ${length} bytes of ${what}`, systemErrorCode());
  }
  let mapped = true;
  return {
    address,
    length,
    unmap: () => {
      if (mapped) system.munmap(address, length);
      mapped = false;
    },
    disown: () => {
      mapped = false;
    },
  };
}

/** Opens a file by its path and maps it; the file itself is closed again. */
export function mapPath(path: string, length: number, how: 'shared' | 'reading', what: string): Mapping {
  const fd = openSync(path, how === 'shared' ? 'r+' : 'r');
  try {
    return mapFile(fd, length, how, what);
  } finally {
    closeSync(fd);
  }
}

import { koffi as loadKoffi } from '../koffi.ts';

/** An address: user space ends at 2^47, so a number holds it exactly. */
export type Address = number;

type Memory = NodeJS.ArrayBufferView;

/** The few functions of the C library that shared memory needs (man 2 mmap, man 2 memfd_create). */
export interface System {
  memfd_create(name: string, flags: number): number;
  mmap(at: Address, length: number, protection: number, flags: number, fd: number, offset: number): Address;
  munmap(at: Address, length: number): number;
  /** memcpy from memory of C's to memory of JavaScript's. */
  read(into: Memory, from: Address, bytes: number): void;
  /** memcpy the other way. */
  write(into: Address, from: Memory, bytes: number): void;
  /** memcpy between two addresses. */
  copy(into: Address, from: Address, bytes: number): void;
  /** Reads a file's bytes into memory of C's; gives how many, or -1 (man 2 pread). */
  pread(fd: number, into: Address, bytes: number, offset: number): number;
  /** The C library's `errno` of the last call. */
  errno(): number;
  /** The address of the C library's munmap, for C code that frees a mapping itself. */
  readonly munmapAddress: Address;
}

let system: System | undefined;

/** The C library; loaded when first needed. */
export function theSystem(): System {
  if (system !== undefined) return system;
  const koffi = loadKoffi();
  const libc = koffi.load(null);
  const call = (symbol: string, result: string, types: string[]) =>
    libc.func(symbol, result, types) as unknown as (...values: unknown[]) => number;
  const dlsym = call('dlsym', 'int64_t', ['int64_t', 'const char *']);
  const read = call('memcpy', 'int64_t', ['void *', 'int64_t', 'size_t']);
  const write = call('memcpy', 'int64_t', ['int64_t', 'void *', 'size_t']);
  const copy = call('memcpy', 'int64_t', ['int64_t', 'int64_t', 'size_t']);
  system = {
    memfd_create: call('memfd_create', 'int', ['const char *', 'uint32_t']),
    mmap: call('mmap', 'int64_t', ['int64_t', 'size_t', 'int', 'int', 'int', 'int64_t']),
    munmap: call('munmap', 'int', ['int64_t', 'size_t']),
    read: (into, from, bytes) => void (bytes > 0 && read(into, from, bytes)),
    write: (into, from, bytes) => void (bytes > 0 && write(into, from, bytes)),
    copy: (into, from, bytes) => void (bytes > 0 && copy(into, from, bytes)),
    pread: call('pread', 'int64_t', ['int', 'int64_t', 'size_t', 'int64_t']),
    errno: () => koffi.errno(),
    // RTLD_DEFAULT
    munmapAddress: dlsym(0, 'munmap'),
  };
  return system;
}

import { PYTHON_SYMBOLS } from './python-symbols.ts';

/**
 * A stand-in for libpython: TensorFlow 2.10's library is Python's extension module, so it loads only where an interpreter's
 * symbols are. Ours exports them and does nothing. It is small enough to be written byte by byte, so no compiler is
 * needed and no binary is in the package. Layout: System V ABI, chapters 4 and 5, and elf(5).
 */

/** Where an installed runtime has it, and the name that the loader knows it by. */
export const PYTHON_STUB = 'libtensorcell-python.so';

/** An object of Python; the largest, PyTypeObject, has 408 bytes in Python 3.10. */
const OBJECT_BYTES = 1024;
const PAGE = 4096;
/** `xor eax, eax; ret`: returns 0, or NULL. */
const RETURN_ZERO = Buffer.from([0x31, 0xc0, 0xc3]);

/** Types, exceptions and singletons are objects; everything else is a function. */
export function isPythonObject(name: string): boolean {
  return /^PyExc_|_Type$|^_Py_\w+(Struct|Object)$/.test(name);
}

/** The hash of DT_HASH's table (System V ABI, "Hash Table"). */
function elfHash(name: string): number {
  let hash = 0;
  for (const byte of Buffer.from(name, 'latin1')) {
    hash = (hash << 4) + byte;
    const high = hash & 0xf0_00_00_00;
    if (high !== 0) hash ^= high >>> 24;
    hash &= ~high;
  }
  return hash >>> 0;
}

const align = (offset: number, to: number): number => Math.ceil(offset / to) * to;

/**
 * An x86-64 shared library for Linux that exports these names: objects are zeroed memory, functions return 0.
 *
 * @param soname the name that the loader knows it by
 */
export function stubLibrary(names: readonly string[] = PYTHON_SYMBOLS, soname = PYTHON_STUB): Buffer {
  const strings = ['', soname, ...names];
  const starts: number[] = [];
  let length = 0;
  for (const text of strings) {
    starts.push(length);
    length += Buffer.byteLength(text, 'latin1') + 1;
  }
  const dynstr = Buffer.from(`${strings.join('\0')}\0`, 'latin1');

  // Headers, hash table, symbols, names and code are one segment; the dynamic table and the objects another.
  const headers = 64 + 4 * 56;
  const buckets = Math.max(1, names.length);
  const hashAt = align(headers, 8);
  const symbolsAt = align(hashAt + 4 * (2 + buckets + names.length + 1), 8);
  const stringsAt = symbolsAt + 24 * (names.length + 1);
  const codeAt = align(stringsAt + dynstr.length, 16);
  const readEnd = codeAt + RETURN_ZERO.length;
  const dynamicAt = align(readEnd, PAGE);
  const dynamicBytes = 16 * 7;
  const objectsAt = align(dynamicAt + dynamicBytes, 64);
  const objects = names.filter(isPythonObject);
  const end = objectsAt + objects.length * OBJECT_BYTES;

  const file = Buffer.alloc(dynamicAt + dynamicBytes);
  const words = (at: number, ...values: number[]): void => {
    values.forEach((value, index) => file.writeUInt32LE(value, at + 4 * index));
  };
  const longs = (at: number, ...values: number[]): void => {
    values.forEach((value, index) => file.writeBigUInt64LE(BigInt(value), at + 8 * index));
  };

  // Header: 64-bit, little-endian, version 1, System V; a shared object for x86-64.
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]).copy(file, 0);
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(62, 18);
  words(20, 1);
  longs(32, 64); // program headers follow; there is no entry point and are no sections
  [64, 56, 4, 64, 0, 0].forEach((value, index) => file.writeUInt16LE(value, 52 + 2 * index));

  const segment = (
    index: number,
    type: number,
    flags: number,
    at: number,
    inFile: number,
    inMemory: number,
    step: number,
  ): void => {
    const header = 64 + 56 * index;
    words(header, type, flags);
    longs(header + 8, at, at, at, inFile, inMemory, step);
  };
  const [read, write, execute] = [4, 2, 1];
  segment(0, 1, read | execute, 0, readEnd, readEnd, PAGE); // PT_LOAD
  segment(1, 1, read | write, dynamicAt, dynamicBytes, end - dynamicAt, PAGE);
  segment(2, 2, read | write, dynamicAt, dynamicBytes, dynamicBytes, 8); // PT_DYNAMIC
  segment(3, 0x64_74_e5_51, read | write, 0, 0, 0, 16); // PT_GNU_STACK: not executable

  // Each bucket heads a chain of symbols with that hash modulo the number of buckets; 0 ends it.
  words(hashAt, buckets, names.length + 1);
  const bucketAt = hashAt + 8;
  const chainAt = bucketAt + 4 * buckets;
  let object = objectsAt;
  names.forEach((name, index) => {
    const symbol = index + 1;
    const bucket = bucketAt + 4 * (elfHash(name) % buckets);
    words(chainAt + 4 * symbol, file.readUInt32LE(bucket));
    words(bucket, symbol);
    const entry = symbolsAt + 24 * symbol;
    const data = isPythonObject(name);
    words(entry, starts[index + 2]!);
    file[entry + 4] = (1 << 4) | (data ? 1 : 2); // STB_GLOBAL; STT_OBJECT or STT_FUNC
    // Any section but 0, which would be "undefined"; glibc does not move symbols that are absolute (0xfff1).
    file.writeUInt16LE(1, entry + 6);
    longs(entry + 8, data ? object : codeAt, data ? OBJECT_BYTES : RETURN_ZERO.length);
    if (data) object += OBJECT_BYTES;
  });
  dynstr.copy(file, stringsAt);
  RETURN_ZERO.copy(file, codeAt);
  const dynamic = [
    [14, starts[1]!], // DT_SONAME
    [4, hashAt], // DT_HASH
    [5, stringsAt], // DT_STRTAB
    [6, symbolsAt], // DT_SYMTAB
    [10, dynstr.length], // DT_STRSZ
    [11, 24], // DT_SYMENT
    [0, 0],
  ];
  longs(dynamicAt, ...dynamic.flat());
  return file;
}

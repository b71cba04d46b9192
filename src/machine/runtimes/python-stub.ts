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

/** Places of the parts of the file, in bytes. */
interface Layout {
  readonly names: readonly string[];
  /** Names with a zero after each. */
  readonly dynstr: Buffer;
  /** Where each name begins in `dynstr`, and where the library's does. */
  readonly nameStarts: readonly number[];
  readonly sonameStart: number;
  readonly buckets: number;
  readonly hashAt: number;
  readonly symbolsAt: number;
  readonly stringsAt: number;
  readonly codeAt: number;
  /** The end of the first segment. */
  readonly readEnd: number;
  readonly dynamicAt: number;
  readonly objectsAt: number;
  /** The end of the second segment in memory. */
  readonly end: number;
}

const DYNAMIC_BYTES = 16 * 7;

/** Headers, hash table, symbols, names and code are one segment; the dynamic table and the objects another. */
function layout(names: readonly string[], soname: string): Layout {
  const nameStarts: number[] = [];
  // An empty name comes first, then the library's.
  const sonameStart = 1;
  let length = sonameStart + Buffer.byteLength(soname, 'latin1') + 1;
  for (const name of names) {
    nameStarts.push(length);
    length += Buffer.byteLength(name, 'latin1') + 1;
  }
  const dynstr = Buffer.from(`${['', soname, ...names].join('\0')}\0`, 'latin1');
  const headers = 64 + 4 * 56;
  const buckets = Math.max(1, names.length);
  const hashAt = align(headers, 8);
  const symbolsAt = align(hashAt + 4 * (2 + buckets + names.length + 1), 8);
  const stringsAt = symbolsAt + 24 * (names.length + 1);
  const codeAt = align(stringsAt + dynstr.length, 16);
  const readEnd = codeAt + RETURN_ZERO.length;
  const dynamicAt = align(readEnd, PAGE);
  const objectsAt = align(dynamicAt + DYNAMIC_BYTES, 64);
  const end = objectsAt + names.filter(isPythonObject).length * OBJECT_BYTES;
  return {
    names,
    dynstr,
    nameStarts,
    sonameStart,
    buckets,
    hashAt,
    symbolsAt,
    stringsAt,
    codeAt,
    readEnd,
    dynamicAt,
    objectsAt,
    end,
  };
}

function writeWords(file: Buffer, at: number, ...values: number[]): void {
  values.forEach((value, index) => file.writeUInt32LE(value, at + 4 * index));
}

function writeLongs(file: Buffer, at: number, ...values: number[]): void {
  values.forEach((value, index) => file.writeBigUInt64LE(BigInt(value), at + 8 * index));
}

/** The ELF header and the program headers. */
function writeHeaders(file: Buffer, { readEnd, dynamicAt, end }: Layout): void {
  // 64-bit, little-endian, version 1, System V; a shared object for x86-64.
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]).copy(file, 0);
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(62, 18);
  writeWords(file, 20, 1);
  writeLongs(file, 32, 64); // program headers follow; there is no entry point and are no sections
  [64, 56, 4, 64, 0, 0].forEach((value, index) => file.writeUInt16LE(value, 52 + 2 * index));
  const [read, write, execute] = [4, 2, 1];
  // Type, flags, place, bytes in the file and in memory, alignment.
  const segments: readonly [number, number, number, number, number, number][] = [
    [1, read | execute, 0, readEnd, readEnd, PAGE], // PT_LOAD
    [1, read | write, dynamicAt, DYNAMIC_BYTES, end - dynamicAt, PAGE],
    [2, read | write, dynamicAt, DYNAMIC_BYTES, DYNAMIC_BYTES, 8], // PT_DYNAMIC
    [0x64_74_e5_51, read | write, 0, 0, 0, 16], // PT_GNU_STACK: not executable
  ];
  for (const [index, [type, flags, at, inFile, inMemory, step]] of segments.entries()) {
    const header = 64 + 56 * index;
    writeWords(file, header, type, flags);
    writeLongs(file, header + 8, at, at, at, inFile, inMemory, step);
  }
}

/** The hash table and the symbols. Each bucket heads a chain of symbols with that hash modulo the number of buckets; 0 ends it. */
function writeSymbols(file: Buffer, parts: Layout): void {
  const { names, nameStarts, buckets, hashAt, symbolsAt, codeAt, objectsAt } = parts;
  writeWords(file, hashAt, buckets, names.length + 1);
  const bucketAt = hashAt + 8;
  const chainAt = bucketAt + 4 * buckets;
  let object = objectsAt;
  names.forEach((name, index) => {
    const symbol = index + 1;
    const bucket = bucketAt + 4 * (elfHash(name) % buckets);
    writeWords(file, chainAt + 4 * symbol, file.readUInt32LE(bucket));
    writeWords(file, bucket, symbol);
    const entry = symbolsAt + 24 * symbol;
    const data = isPythonObject(name);
    writeWords(file, entry, nameStarts[index] ?? 0);
    file[entry + 4] = (1 << 4) | (data ? 1 : 2); // STB_GLOBAL; STT_OBJECT or STT_FUNC
    // Any section but 0, which would be "undefined"; glibc does not move symbols that are absolute (0xfff1).
    file.writeUInt16LE(1, entry + 6);
    writeLongs(file, entry + 8, data ? object : codeAt, data ? OBJECT_BYTES : RETURN_ZERO.length);
    if (data) object += OBJECT_BYTES;
  });
}

/**
 * An x86-64 shared library for Linux that exports these names: objects are zeroed memory, functions return 0.
 *
 * @param soname the name that the loader knows it by
 */
export function stubLibrary(names: readonly string[] = PYTHON_SYMBOLS, soname = PYTHON_STUB): Buffer {
  const parts = layout(names, soname);
  const { dynstr, sonameStart, hashAt, symbolsAt, stringsAt, codeAt, dynamicAt } = parts;
  const file = Buffer.alloc(dynamicAt + DYNAMIC_BYTES);
  writeHeaders(file, parts);
  writeSymbols(file, parts);
  dynstr.copy(file, stringsAt);
  RETURN_ZERO.copy(file, codeAt);
  const dynamic = [
    [14, sonameStart], // DT_SONAME
    [4, hashAt], // DT_HASH
    [5, stringsAt], // DT_STRTAB
    [6, symbolsAt], // DT_SYMTAB
    [10, dynstr.length], // DT_STRSZ
    [11, 24], // DT_SYMENT
    [0, 0],
  ];
  writeLongs(file, dynamicAt, ...dynamic.flat());
  return file;
}

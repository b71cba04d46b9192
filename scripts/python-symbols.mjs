// Writes src/machine/runtimes/python-symbols.ts: the names that TensorFlow 2.10's library expects of a Python interpreter.
// Run it when the DirectML runtime's wheel changes: node scripts/python-symbols.mjs FOLDER/_pywrap_tensorflow_internal.so
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DYNAMIC = 2; // PT_DYNAMIC
const LOAD = 1; // PT_LOAD

/**
 * Undefined symbols of a 64-bit ELF library whose names begin as Python's do, sorted (elf(5)).
 *
 * @param {string} path
 */
export function pythonSymbols(path) {
  const file = openSync(path, 'r');
  const read = (/** @type {number} */ offset, /** @type {number} */ length) => {
    const bytes = Buffer.alloc(length);
    if (readSync(file, bytes, 0, length, offset) !== length)
      throw new Error(`${path} ends before ${offset + length}`);
    return bytes;
  };
  try {
    const header = read(0, 64);
    if (header.toString('latin1', 0, 4) !== '\x7fELF' || header[4] !== 2)
      throw new Error(`${path} is no 64-bit ELF library`);
    const size = header.readUInt16LE(54);
    const segments = Array.from({ length: header.readUInt16LE(56) }, (_, index) => {
      const entry = read(Number(header.readBigUInt64LE(32)) + index * size, size);
      const field = (/** @type {number} */ at) => Number(entry.readBigUInt64LE(at));
      return { type: entry.readUInt32LE(0), offset: field(8), address: field(16), bytes: field(32) };
    });
    /** Where in the file lies what is mapped there. */
    const offsetOf = (/** @type {number} */ address) => {
      const inside = segments.find(
        (one) => one.type === LOAD && address >= one.address && address < one.address + one.bytes,
      );
      if (!inside) throw new Error(`${path} maps nothing at ${address}`);
      return address - inside.address + inside.offset;
    };
    const found = segments.find(({ type }) => type === DYNAMIC);
    if (!found) throw new Error(`${path} has no dynamic segment`);
    const { offset, bytes } = found;
    const dynamic = read(offset, bytes);
    /** @type {Map<number, number>} */
    const entries = new Map();
    for (let at = 0; at < bytes; at += 16) {
      entries.set(Number(dynamic.readBigInt64LE(at)), Number(dynamic.readBigUInt64LE(at + 8)));
    }
    const entry = (/** @type {number} */ tag) => {
      const value = entries.get(tag);
      if (value === undefined) throw new Error(`${path} has no dynamic entry ${tag}`);
      return value;
    };
    const strings = read(offsetOf(entry(5)), entry(10)); // DT_STRTAB, DT_STRSZ
    const table = entry(6); // DT_SYMTAB: it ends where the names begin, as every linker lays it out
    const symbols = read(offsetOf(table), entry(5) - table);
    const names = [];
    for (let at = 24; at + 24 <= symbols.length; at += 24) {
      if (symbols.readUInt16LE(at + 6) !== 0) continue;
      const start = symbols.readUInt32LE(at);
      const name = strings.toString('latin1', start, strings.indexOf(0, start));
      if (/^_?Py[A-Z_]/.test(name)) names.push(name);
    }
    return names.sort((a, b) => (a < b ? -1 : 1));
  } finally {
    closeSync(file);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const library = process.argv[2];
  if (!library)
    throw new Error(
      'name the library: …/tensorflow/python/_pywrap_tensorflow_internal.so of the 2.10.1 wheel',
    );
  const names = pythonSymbols(library);
  const target = join(
    dirname(dirname(fileURLToPath(import.meta.url))),
    'src',
    'machine',
    'runtimes',
    'python-symbols.ts',
  );
  writeFileSync(
    target,
    `/**
 * The names that \`_pywrap_tensorflow_internal.so\` of TensorFlow 2.10.1 expects of a Python interpreter to be loaded; it calls
 * none of them unless Python calls it. Written by \`scripts/python-symbols.mjs\`.
 */
export const PYTHON_SYMBOLS: readonly string[] = [
${names.map((name) => `  '${name}',\n`).join('')}];
`,
  );
  console.log(`${names.length} names in ${target}`);
}

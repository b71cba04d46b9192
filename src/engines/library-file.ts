import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** ELF64, little endian: e_ident, then the header's fields (elf(5)). */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/**
 * Finds damage in a shared library's file: it is no ELF file, or shorter than its own tables say. The loader maps a
 * file that was cut short without an error; the process then ends with SIGBUS, seconds later perhaps.
 *
 * @returns undefined for a whole file, and for one that cannot be read: the loader reports the reason.
 */
export function libraryFileProblem(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(descriptor);
    const header = Buffer.alloc(64);
    if (readSync(descriptor, header, 0, 64, 0) < 64 || !header.subarray(0, 6).equals(MAGIC)) {
      return `it has ${size} bytes and does not begin as a library`;
    }
    const tables: [start: bigint, count: number, each: number][] = [
      [header.readBigUInt64LE(32), header.readUInt16LE(56), header.readUInt16LE(54)],
      [header.readBigUInt64LE(40), header.readUInt16LE(60), header.readUInt16LE(58)],
    ];
    let end = 0n;
    for (const [start, count, each] of tables) {
      const last = start + BigInt(count * each);
      if (last > end) end = last;
    }
    const [[start, count, each]] = tables as [[bigint, number, number]];
    if (end <= BigInt(size) && each >= 56) {
      const programs = Buffer.alloc(count * each);
      readSync(descriptor, programs, 0, programs.length, Number(start));
      for (let at = 0; at < programs.length; at += each) {
        // p_offset and p_filesz
        const last = programs.readBigUInt64LE(at + 8) + programs.readBigUInt64LE(at + 32);
        if (last > end) end = last;
      }
    }
    return end > BigInt(size) ? `it was cut short: it has ${size} of at least ${end} bytes` : undefined;
  } finally {
    closeSync(descriptor);
  }
}

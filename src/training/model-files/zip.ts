import { crc32, inflateRawSync } from 'node:zlib';
import { formatBytes } from '../../base/text/bytes.ts';
import type { WrittenFile } from '../../base/files/index.ts';
import { malformed } from './errors.ts';

/**
 * The part of the ZIP format that `.keras` files use: members stored or deflated, no encryption, under 4 GiB.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
const LOCAL = 0x04_03_4b_50;
const CENTRAL = 0x02_01_4b_50;
const END = 0x06_05_4b_50;
/** 1980-01-01, the first day that the format knows: files of the same content are the same bytes. */
const DATE = 0x21;

/** An archive of stored members, in pieces to be written one after another. */
export function zipParts(members: Readonly<Record<string, Uint8Array>>): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(members)) {
    const encoded = Buffer.from(name, 'utf8');
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x0800, 2);
    fields.writeUInt16LE(DATE, 8);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(encoded.length, 22);
    const signature = Buffer.alloc(4);
    signature.writeUInt32LE(LOCAL);
    const header = Buffer.concat([signature, fields, encoded]);
    parts.push(header, data);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(CENTRAL, 0);
    entry.writeUInt16LE(20, 4);
    fields.copy(entry, 6, 0, 26);
    entry.writeUInt32LE(offset, 42);
    directory.push(Buffer.concat([entry, encoded]));
    offset += header.length + data.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return [...parts, central, end];
}

/** An archive may unpack to this, or to that many times its own size where it is larger, unless its reader allows more. */
const MOST_UNPACKED = 2 ** 30;
const MOST_TIMES = 20;

interface Entry {
  name: string;
  method: number;
  checksum: number;
  packed: number;
  unpacked: number;
  local: number;
}

/** The directory of an archive, out of its last bytes. */
function entriesOf(archive: Buffer, name: string): Entry[] {
  let end = archive.length - 22;
  const first = Math.max(0, end - 0xffff);
  while (end >= first && archive.readUInt32LE(end) !== END) end -= 1;
  if (end < first) throw malformed(`${name} is not a ZIP archive, or was cut short`);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  const entries: Entry[] = [];
  for (let index = 0; index < count; index++) {
    if (archive.readUInt32LE(at) !== CENTRAL) throw malformed(`${name}: its directory is damaged`);
    const nameLength = archive.readUInt16LE(at + 28);
    const entry = {
      name: archive.toString('utf8', at + 46, at + 46 + nameLength),
      method: archive.readUInt16LE(at + 10),
      checksum: archive.readUInt32LE(at + 16),
      packed: archive.readUInt32LE(at + 20),
      unpacked: archive.readUInt32LE(at + 24),
      local: archive.readUInt32LE(at + 42),
    };
    if ((archive.readUInt16LE(at + 8) & 1) === 1) throw malformed(`${name}: ${entry.name} is encrypted`);
    if (entry.packed === 0xffff_ffff || entry.unpacked === 0xffff_ffff || entry.local === 0xffff_ffff) {
      throw malformed(`${name}: ${entry.name} has 4 GiB or more, which is not supported`);
    }
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    entries.push(entry);
  }
  return entries;
}

/** Checks before anything is unpacked that the directory of an archive is plausible. */
function checkEntries(
  entries: readonly Entry[],
  bytes: number,
  name: string,
  most: number | undefined,
): void {
  const sum = (of: (entry: Entry) => number): number =>
    entries.reduce((total, entry) => total + of(entry), 0);
  const limit = most ?? Math.max(MOST_UNPACKED, MOST_TIMES * bytes);
  const unpacked = sum((entry) => entry.unpacked);
  if (unpacked > limit) {
    throw malformed(
      `${name} has ${bytes} bytes and unpacks to ${formatBytes(unpacked)}; at most ${formatBytes(limit)} are unpacked, as a protection of the memory`,
    );
  }
  // Members that share their bytes would unpack to far more than the archive's size allows.
  if (sum(({ packed }) => packed) > bytes) throw malformed(`${name}: its members overlap`);
  const names = new Set<string>();
  for (const entry of entries) {
    if (names.has(entry.name)) throw malformed(`${name} has two members ${entry.name}`);
    names.add(entry.name);
  }
}

function unpack(raw: Buffer, entry: Entry, name: string): Buffer {
  const { method, unpacked, name: member } = entry;
  if (method !== 0 && method !== 8) {
    throw malformed(`${name}: ${member} uses an unknown compression method (${method})`);
  }
  let data: Buffer;
  try {
    data = method === 0 ? raw : inflateRawSync(raw, { maxOutputLength: Math.max(1, unpacked) });
  } catch (error) {
    throw malformed(`${name}: ${member} is damaged (${(error as Error).message})`, error);
  }
  if (data.length !== unpacked) {
    throw malformed(`${name}: ${member} has ${data.length} bytes, but the directory says ${unpacked}`);
  }
  if (crc32(data) !== entry.checksum)
    throw malformed(`${name}: ${member} is damaged (its checksum is wrong)`);
  return data;
}

/**
 * The members of an archive by name.
 *
 * @param most bytes that it may unpack to. Default: 1 GiB, or 20 times its size where that is more.
 * @throws ModelFileError for what is no archive, is cut short, has a member whose checksum is wrong, or unpacks to more.
 */
export function unzip(archive: Buffer, name: string, most?: number): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  try {
    const entries = entriesOf(archive, name);
    checkEntries(entries, archive.length, name, most);
    for (const entry of entries) {
      const { local } = entry;
      if (archive.readUInt32LE(local) !== LOCAL) throw malformed(`${name}: ${entry.name} is damaged`);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      if (start + entry.packed > archive.length) throw malformed(`${name} was cut short`);
      members.set(entry.name, unpack(archive.subarray(start, start + entry.packed), entry, name));
    }
  } catch (error) {
    if (error instanceof RangeError) throw malformed(`${name} was cut short`, error);
    throw error;
  }
  return members;
}

/** The problem of an archive that `zipParts` made, as it is on the disk: its directory has these members. */
export function zipProblem(file: WrittenFile, members: readonly string[]): string | undefined {
  const tail = file.read(Math.max(0, file.bytes - 22), 22);
  if (file.read(0, 4).readUInt32LE() !== LOCAL || tail.readUInt32LE() !== END)
    return 'it is not a ZIP archive';
  const directory = file.read(tail.readUInt32LE(16), tail.readUInt32LE(12));
  const found: string[] = [];
  for (let at = 0; at + 46 <= directory.length; at += 46 + (directory[at + 28] as number)) {
    const length = directory[at + 28] as number;
    const local = file.read(directory.readUInt32LE(at + 42), 4);
    if (directory.readUInt32LE(at) !== CENTRAL || local.readUInt32LE() !== LOCAL)
      return 'a member is missing';
    found.push(directory.toString('utf8', at + 46, at + 46 + length));
  }
  return found.join() === members.join() ? undefined : `it has the members ${found.join(', ')}`;
}

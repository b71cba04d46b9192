import { inflateRawSync } from 'node:zlib';
import { crc32 } from '../../display/crc32.ts';
import { malformed } from './errors.ts';

/**
 * The part of the ZIP format that `.keras` files use: members stored or deflated, no encryption, under 4 GB.
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

/**
 * The members of an archive by name.
 *
 * @throws ModelFileError for what is no archive, is cut short or has a member whose checksum is wrong.
 */
export function unzip(archive: Buffer, name: string): Map<string, Buffer> {
  let end = archive.length - 22;
  while (end >= 0 && archive.readUInt32LE(end) !== END) end -= 1;
  if (end < 0) throw malformed(`${name} is no ZIP archive, or was cut short`);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  const members = new Map<string, Buffer>();
  try {
    for (let index = 0; index < count; index++) {
      if (archive.readUInt32LE(at) !== CENTRAL) throw malformed(`${name}: its directory is damaged`);
      const method = archive.readUInt16LE(at + 10);
      const checksum = archive.readUInt32LE(at + 16);
      const packed = archive.readUInt32LE(at + 20);
      const nameLength = archive.readUInt16LE(at + 28);
      const local = archive.readUInt32LE(at + 42);
      const member = archive.toString('utf8', at + 46, at + 46 + nameLength);
      at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const raw = archive.subarray(start, start + packed);
      if (method !== 0 && method !== 8)
        throw malformed(`${name}: ${member} is packed in an unknown way (${method})`);
      const data = method === 0 ? raw : inflateRawSync(raw);
      if (crc32(data) !== checksum) throw malformed(`${name}: ${member} is damaged (its checksum is wrong)`);
      members.set(member, data);
    }
  } catch (error) {
    if (error instanceof RangeError) throw malformed(`${name} was cut short`, error);
    throw error;
  }
  return members;
}

import { statSync } from 'node:fs';
import type { Machine } from './machine.ts';
import { existingHostPath, isFile, listFolder, readBytes, readText, realPath } from './machine.ts';

/** Why the loader looks where it looks. */
export type LoaderReason = 'LD_LIBRARY_PATH' | 'ld.so.cache' | 'default folder' | 'folder of WSL';

export interface LibraryChoice {
  /** As the loader sees it. */
  path: string;
  /** With links followed. */
  realPath: string;
  because: LoaderReason;
}

export interface CacheEntry {
  name: string;
  path: string;
}

const OLD_MAGIC = 'ld.so-1.7.0';
const NEW_MAGIC = 'glibc-ld.so.cache1.1';
const NEW_HEADER = 48;
const NEW_ENTRY = 24;

/**
 * The entries of `/etc/ld.so.cache` (glibc's `elf/dl-cache.h`: `struct cache_file_new`, perhaps behind an old-format
 * part), in the loader's order. None when the file is of another kind.
 */
export function parseLoaderCache(bytes: Uint8Array): CacheEntry[] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  if (data.toString('latin1', 0, OLD_MAGIC.length) === OLD_MAGIC) {
    if (data.length < 16) return [];
    // Old header: magic, padding, count; its entries have 12 bytes; the new part follows, aligned to 8.
    start = Math.ceil((16 + data.readUInt32LE(12) * 12) / 8) * 8;
  }
  if (data.toString('latin1', start, start + NEW_MAGIC.length) !== NEW_MAGIC) return [];
  if (data.length < start + NEW_HEADER) return [];
  const text = (offset: number): string => {
    const from = start + offset;
    const end = data.indexOf(0, from);
    return data.toString('utf8', from, end < 0 ? data.length : end);
  };
  const count = data.readUInt32LE(start + NEW_MAGIC.length);
  const entries: CacheEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + NEW_HEADER + index * NEW_ENTRY;
    if (at + NEW_ENTRY > data.length) break;
    entries.push({ name: text(data.readUInt32LE(at + 4)), path: text(data.readUInt32LE(at + 8)) });
  }
  return entries;
}

/** Folders of an `ld.so.conf`, with its `include` lines followed by `read`. */
function parseLoaderConfig(text: string, include: (pattern: string) => string[]): string[] {
  const folders: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const included = /^include\s+(\S+)$/.exec(line)?.[1];
    if (included !== undefined) {
      for (const inner of include(included)) folders.push(...parseLoaderConfig(inner, include));
    } else {
      folders.push(...line.split(/[\s,:]+/).filter((folder) => folder.startsWith('/')));
    }
  }
  return folders;
}

/** The folders that ldconfig is told to search, in order. */
export function detectConfiguredFolders(machine: Machine): string[] {
  const include = (pattern: string): string[] => {
    const folder = pattern.slice(0, pattern.lastIndexOf('/'));
    return listFolder(machine, folder.startsWith('/') ? folder : `/etc/${folder}`)
      .filter((name) => name.endsWith('.conf'))
      .map(
        (name) => readText(machine, `${folder.startsWith('/') ? folder : `/etc/${folder}`}/${name}`) ?? '',
      );
  };
  return parseLoaderConfig(readText(machine, '/etc/ld.so.conf') ?? '', include);
}

const DEFAULT_FOLDERS: Record<string, readonly string[]> = {
  x64: ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'],
  arm64: ['/lib/aarch64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'],
};

const parsed = new Map<string, { changed: number; bytes: number; entries: CacheEntry[] }>();

/** The loader's cache, parsed anew only when it has changed: it has thousands of entries. */
function loaderCache(machine: Machine): readonly CacheEntry[] {
  const path = existingHostPath(machine, '/etc/ld.so.cache');
  const found = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  if (path === undefined || found === undefined) return [];
  const known = parsed.get(path);
  if (known?.changed === found.mtimeMs && known.bytes === found.size) return known.entries;
  const bytes = readBytes(machine, '/etc/ld.so.cache');
  const entries = bytes ? parseLoaderCache(bytes) : [];
  parsed.set(path, { changed: found.mtimeMs, bytes: found.size, entries });
  return entries;
}

export const WSL_LIBRARIES = '/usr/lib/wsl/lib';

/**
 * Every place where a library would be found, in the order of the loader (`ld.so(8)`): `LD_LIBRARY_PATH`, the cache,
 * default folders. The first is the one that a program gets. WSL's own folder comes last: we can open libraries there by
 * path even when the loader was never told of it.
 */
export function detectLibraries(machine: Machine, name: string): LibraryChoice[] {
  const found: LibraryChoice[] = [];
  const add = (path: string, because: LoaderReason): void => {
    if (found.some((known) => known.path === path) || !isFile(machine, path)) return;
    found.push({ path, realPath: realPath(machine, path) ?? path, because });
  };
  for (const folder of (machine.environment['LD_LIBRARY_PATH'] ?? '').split(/[:;]/).filter(Boolean)) {
    add(`${folder.replace(/\/+$/, '')}/${name}`, 'LD_LIBRARY_PATH');
  }
  for (const entry of loaderCache(machine)) {
    if (entry.name === name) add(entry.path, 'ld.so.cache');
  }
  for (const folder of DEFAULT_FOLDERS[machine.architecture] ?? ['/lib', '/usr/lib']) {
    add(`${folder}/${name}`, 'default folder');
  }
  add(`${WSL_LIBRARIES}/${name}`, 'folder of WSL');
  return found;
}

/** The library that a program gets for `name`; undefined when the loader would not find it. */
export function detectLibrary(machine: Machine, name: string): LibraryChoice | undefined {
  return detectLibraries(machine, name).find(({ because }) => because !== 'folder of WSL');
}

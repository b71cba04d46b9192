// A folder that stands for a machine: files, links, fake libraries, scripts that print recorded texts.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Machine } from '../../src/machine/devices/machine.ts';
import type { CacheEntry } from '../../src/machine/devices/loader.ts';
import { fakeLibrary, probeFile } from './fake-libraries.ts';
import type { FakeLibrary } from './fake-libraries.ts';

export type Entry =
  | string
  | { library: FakeLibrary }
  | { link: string }
  /** Lines for `sh`. */
  | { script: string }
  | { loaderCache: CacheEntry[] }
  | { folder: true }
  | { bytes: Uint8Array };

export interface MachineSpec {
  files: Record<string, Entry>;
  environment?: Record<string, string>;
  architecture?: string;
  nodeVersion?: string;
}

/** `/etc/ld.so.cache` of glibc (`struct cache_file_new`). */
function encodeLoaderCache(entries: readonly CacheEntry[]): Buffer {
  const header = Buffer.alloc(48);
  header.write('glibc-ld.so.cache1.1', 'latin1');
  header.writeUInt32LE(entries.length, 20);
  const table = Buffer.alloc(entries.length * 24);
  const strings: Buffer[] = [];
  let at = header.length + table.length;
  const add = (text: string): number => {
    const bytes = Buffer.from(`${text}\0`);
    strings.push(bytes);
    at += bytes.length;
    return at - bytes.length;
  };
  for (const [index, { name, path }] of entries.entries()) {
    table.writeInt32LE(0x0303, index * 24);
    table.writeUInt32LE(add(name), index * 24 + 4);
    table.writeUInt32LE(add(path), index * 24 + 8);
  }
  header.writeUInt32LE(at - header.length - table.length, 24);
  return Buffer.concat([header, table, ...strings]);
}

export async function simulatedMachine(spec: MachineSpec): Promise<Machine & { dispose(): void }> {
  const root = mkdtempSync(join(tmpdir(), 'tensorcell-machine-'));
  for (const [path, entry] of Object.entries(spec.files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof entry === 'string') writeFileSync(file, entry);
    else if ('library' in entry) copyFileSync(fakeLibrary(entry.library), file);
    else if ('link' in entry) symlinkSync(entry.link, file);
    else if ('folder' in entry) mkdirSync(file, { recursive: true });
    else if ('bytes' in entry) writeFileSync(file, entry.bytes);
    else if ('loaderCache' in entry) writeFileSync(file, encodeLoaderCache(entry.loaderCache));
    else {
      writeFileSync(file, `#!/bin/sh\n${entry.script}\n`);
      chmodSync(file, 0o755);
    }
  }
  return {
    root,
    environment: { PATH: '/usr/bin:/bin', HOME: '/home/ada', ...spec.environment },
    architecture: spec.architecture ?? 'x64',
    nodeVersion: spec.nodeVersion ?? '22.14.0',
    probeFile: await probeFile(),
    now: () => Date.UTC(2026, 10, 22, 12),
    dispose() {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

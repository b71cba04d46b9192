import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../../base/files/index.ts';

/** Raised when the format of the files or the meaning of the key changes. */
const FORMAT = 'tensorcell program 1\n';
const HASH_BYTES = 32;
const HEADER_BYTES = FORMAT.length + 2 * HASH_BYTES;

/** The oldest files are removed when all together have more bytes. A program has 0.1 to 0.2 MB. */
const MOST_BYTES = 512 * 2 ** 20;

/**
 * Everything that a compiled program depends on. A plugin loads a program of another plugin or device without an error, and then
 * computes something else or ends the process: everything belongs to the key.
 */
export interface ProgramKey {
  readonly text: string;
  /** The compile options, with XLA_FLAGS. */
  readonly options: Uint8Array;
  /** SHA-256 of the plugin's file. */
  readonly plugin: string;
  readonly platform: string;
  readonly deviceKind: string;
  /** Names of the CPU's instruction sets, which the CPU's programs use. */
  readonly cpu: string;
}

function digest(...parts: (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    // The length keeps two parts apart.
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest();
}

function digestOf(key: ProgramKey): Buffer {
  return digest(key.text, key.options, key.plugin, key.platform, key.deviceKind, key.cpu);
}

let cpu: string | undefined;

/** The CPU's instruction sets: what the system's first CPU has, or the architecture where the system does not tell. */
export function cpuFeatures(): string {
  if (cpu === undefined) {
    try {
      cpu = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
    } catch {
      // No such file.
    }
    cpu = `${process.arch} ${cpu ?? ''}`;
  }
  return cpu;
}

/** Compiled programs in a folder. A file that is damaged, or belongs to another key, is removed and counts as missing. */
export class ProgramCache {
  readonly folder: string;
  readonly #most: number;
  #bytes: number | undefined;

  /** @param folder created on the first write @param most bytes of all files */
  constructor(folder: string, most: number = MOST_BYTES) {
    this.folder = folder;
    this.#most = most;
  }

  #file(key: Buffer): string {
    return join(this.folder, `${key.toString('hex')}.program`);
  }

  /** The serialized program; undefined when there is none that is whole. */
  read(key: ProgramKey): Uint8Array | undefined {
    const name = digestOf(key);
    const file = this.#file(name);
    let bytes: Buffer;
    try {
      bytes = readFileSync(file);
    } catch {
      return undefined;
    }
    const program = bytes.subarray(HEADER_BYTES);
    const at = FORMAT.length;
    const whole =
      bytes.length > HEADER_BYTES &&
      bytes.subarray(0, at).equals(Buffer.from(FORMAT)) &&
      bytes.subarray(at, at + HASH_BYTES).equals(name) &&
      bytes.subarray(at + HASH_BYTES, HEADER_BYTES).equals(digest(program));
    if (!whole) {
      rmSync(file, { force: true });
      return undefined;
    }
    try {
      const now = new Date();
      utimesSync(file, now, now);
    } catch {
      // Another process has removed it.
    }
    return program;
  }

  /** Keeps a serialized program. A folder that cannot be written is no error: the program is compiled again then. */
  write(key: ProgramKey, program: Uint8Array): void {
    const name = digestOf(key);
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      // The file holds code that later sessions run.
      writeWhole(this.#file(name), [Buffer.from(FORMAT), name, digest(program), program], {
        mode: 0o600,
        durable: false,
      });
      this.#makeRoom(program.length + HEADER_BYTES);
    } catch {
      // A full disk, or a home without write permission.
    }
  }

  /** Removes a program that does not load although its file is whole. */
  remove(key: ProgramKey): void {
    rmSync(this.#file(digestOf(key)), { force: true });
  }

  /** Removes what was not used for the longest time when there is too much. */
  #makeRoom(added: number): void {
    if (this.#bytes !== undefined && this.#bytes + added <= this.#most) {
      this.#bytes += added;
      return;
    }
    const files = readdirSync(this.folder)
      .filter((name) => name.endsWith('.program'))
      .flatMap((name) => {
        const file = join(this.folder, name);
        const found = statSync(file, { throwIfNoEntry: false });
        return found ? [{ file, bytes: found.size, used: found.mtimeMs }] : [];
      })
      .sort((a, b) => a.used - b.used);
    let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const one of files) {
      if (bytes <= this.#most) break;
      rmSync(one.file, { force: true });
      bytes -= one.bytes;
    }
    this.#bytes = bytes;
  }
}

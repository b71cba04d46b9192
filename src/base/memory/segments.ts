import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { mapFile, MappingError, systemErrorCode, type Mapping } from './mapping.ts';
import { theSystem } from './system.ts';
import { errorCode } from '../error-code.ts';

const MFD_CLOEXEC = 1;
/** A freed segment that stayed unused for this long is given back to the system. */
const IDLE_MS = 30_000;
const PREFIX = 'tensorcell-segment';

/** Memory that two processes share. */
export interface Segment {
  /** Unique on this machine; part of its name in /proc/PID/maps. */
  readonly name: string;
  /** Where the other process opens it. */
  readonly path: string;
  readonly mapping: Mapping;
}

interface Slot extends Segment {
  readonly fd: number;
  /** The process that may have it mapped; undefined while it is free. */
  lentTo: number | undefined;
  /** Between `take` and `lend`: in use here. */
  busy: boolean;
  since: number;
}

/**
 * Whether each of `names` is mapped by a process. A process that is gone maps nothing: memory that a crash left behind
 * is free, without a message.
 */
function mappedBy(pid: number, names: readonly string[]): Set<string> {
  let maps: string;
  try {
    maps = readFileSync(`/proc/${pid}/maps`, 'latin1');
  } catch (error) {
    // Not allowed to look: then the answer is unknown, and the memory stays lent.
    return new Set(errorCode(error) === 'EACCES' ? names : []);
  }
  return new Set(names.filter((name) => maps.includes(`${name}.`)));
}

/** Room for `bytes`, in steps of at most an eighth: the same segment then serves arrays of about one size. */
function segmentLength(bytes: number): number {
  const page = 4096;
  let step = page;
  while (step * 16 <= bytes) step *= 2;
  return Math.ceil(Math.max(bytes, 1) / step) * step;
}

/**
 * Segments of memory that this process fills and another maps. Fresh memory costs ten times as much as memory that was
 * written before (page faults), so segments are used again once the other process has unmapped them.
 */
export class SegmentPool {
  readonly #slots = new Set<Slot>();
  readonly #folder: string | undefined;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param folder makes segments files in this folder: for systems where one may not open /proc/PID/fd of another. */
  constructor(folder?: string) {
    this.#folder = folder;
    if (folder !== undefined) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      removeOrphans(folder);
    }
  }

  /** Bytes of all segments, in use or kept. */
  get bytes(): number {
    let sum = 0;
    for (const { mapping } of this.#slots) sum += mapping.length;
    return sum;
  }

  get count(): number {
    return this.#slots.size;
  }

  /**
   * A segment of `bytes` or a little more. Its content is whatever it was.
   *
   * @throws MappingError when the system has no memory for it.
   */
  take(bytes: number): Segment {
    this.#reclaim();
    const length = segmentLength(bytes);
    for (const slot of this.#slots) {
      if (!slot.busy && slot.lentTo === undefined && slot.mapping.length === length) {
        slot.busy = true;
        return slot;
      }
    }
    // Kept segments must not take the requested memory.
    if (this.bytes + length > totalmem() / 4) this.trim();
    const slot = this.#create(length);
    this.#slots.add(slot);
    return slot;
  }

  #create(length: number): Slot {
    const name = `${PREFIX}-${process.pid}-${++this.#count}`;
    const { fd, path } = this.#open(name);
    try {
      if (this.#folder === undefined) ftruncateSync(fd, length);
      else fillWithZeros(fd, length);
      const mapping = mapFile(fd, length, 'shared', 'a shared segment');
      return { name, path, fd, mapping, lentTo: undefined, busy: true, since: Date.now() };
    } catch (error) {
      closeSync(fd);
      if (this.#folder !== undefined) rmSync(path, { force: true });
      throw error instanceof MappingError
        ? error
        : new MappingError(`no room for ${length} bytes of shared memory`, errorCode(error) ?? 'unknown', {
            cause: error,
          });
    }
  }

  #open(name: string): { fd: number; path: string } {
    if (this.#folder !== undefined) {
      const path = join(this.#folder, `${name}.memory`);
      return { fd: openSync(path, 'wx+', 0o600), path };
    }
    const fd = theSystem().memfd_create(`${name}.memory`, MFD_CLOEXEC);
    if (fd < 0) throw new MappingError('cannot create shared memory', systemErrorCode());
    return { fd, path: `/proc/${process.pid}/fd/${fd}` };
  }

  /** The other process has mapped it (or may have): it is free again when that process maps it no more. */
  lend(segment: Segment, pid: number): void {
    const slot = segment as Slot;
    slot.busy = false;
    slot.lentTo = pid;
    slot.since = Date.now();
    this.#watch();
  }

  /** No process received it. */
  giveBack(segment: Segment): void {
    const slot = segment as Slot;
    slot.busy = false;
    slot.lentTo = undefined;
    slot.since = Date.now();
    this.#watch();
  }

  #reclaim(): void {
    const lent = new Map<number, Slot[]>();
    for (const slot of this.#slots) {
      if (slot.lentTo === undefined) continue;
      const list = lent.get(slot.lentTo);
      if (list === undefined) lent.set(slot.lentTo, [slot]);
      else list.push(slot);
    }
    for (const [pid, slots] of lent) {
      const mapped = mappedBy(
        pid,
        slots.map(({ name }) => name),
      );
      for (const slot of slots) {
        if (mapped.has(slot.name)) continue;
        slot.lentTo = undefined;
        slot.since = Date.now();
      }
    }
  }

  /** Gives free segments back, and releases lent ones: processes that map those keep their memory alive. */
  trim(olderThan = Infinity): void {
    this.#reclaim();
    const limit = olderThan === Infinity ? Infinity : Date.now() - olderThan;
    for (const slot of this.#slots) if (!slot.busy && slot.since <= limit) this.#drop(slot);
  }

  #drop(slot: Slot): void {
    this.#slots.delete(slot);
    slot.mapping.unmap();
    closeSync(slot.fd);
    if (this.#folder !== undefined) rmSync(slot.path, { force: true });
  }

  #watch(): void {
    this.#timer ??= setInterval(() => {
      this.trim(IDLE_MS);
      if (this.#slots.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, IDLE_MS / 3).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const slot of this.#slots) this.#drop(slot);
  }
}

/**
 * Gives each block of a file its place on the disk. A write to a mapping of a file with holes ends the process (SIGBUS) where the
 * disk is full.
 */
function fillWithZeros(fd: number, length: number): void {
  const zeros = Buffer.alloc(Math.min(length, 2 ** 20));
  for (let at = 0; at < length;) at += writeSync(fd, zeros, 0, Math.min(zeros.length, length - at), at);
}

/** Removes what processes that are gone left in the folder. */
function removeOrphans(folder: string): void {
  for (const file of readdirSync(folder)) {
    const pid = Number(new RegExp(`^${PREFIX}-(\\d+)-`).exec(file)?.[1]);
    if (!Number.isInteger(pid)) continue;
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (errorCode(error) === 'ESRCH') rmSync(join(folder, file), { force: true });
    }
  }
}

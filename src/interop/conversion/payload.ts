import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { tensorcellHome } from '../../base/home.ts';
import { mapPath, type Mapping } from '../../base/memory/mapping.ts';
import { SegmentPool } from '../../base/memory/segments.ts';
import { theSystem, type Address } from '../../base/memory/system.ts';
import { ConversionError } from './errors.ts';
import type { ConversionContext, Leaf } from './leaf.ts';

/** Below this, bytes travel in the message: opening and mapping a segment costs more. */
const INLINE_BYTES = 32 * 1024;

export type Source = { address: Address } | { array: NodeJS.ArrayBufferView };

/** How memory reaches other processes: which pool of segments is used, and which processes can open it. */
class SegmentSharing {
  /** Whether segments are files: set by `TENSORCELL_INTEROP=file`, or when another process could not open our memory. */
  #usesFiles = process.env['TENSORCELL_INTEROP'] === 'file';
  #pool: SegmentPool | undefined;
  /** Processes that have opened our memory. */
  readonly #opened = new Set<number>();

  get pool(): SegmentPool {
    this.#pool ??= new SegmentPool(this.#usesFiles ? join(tensorcellHome(), 'segments') : undefined);
    return this.#pool;
  }

  /** Finds out once a process whether it may open our memory through /proc; otherwise segments are files from then on. */
  async agree(context: ConversionContext): Promise<void> {
    if (this.#usesFiles || this.#opened.has(context.pid)) return;
    const probe = this.pool.take(1);
    try {
      const opens = (await context.request('segment_probe', { path: probe.path })) === true;
      if (opens) this.#opened.add(context.pid);
      else this.#switchToFiles();
    } finally {
      this.#pool?.giveBack(probe);
    }
  }

  /** From now on segments are files in a private folder. */
  #switchToFiles(): void {
    if (this.#usesFiles) return;
    this.#usesFiles = true;
    this.#pool?.close();
    this.#pool = undefined;
  }
}

/** One for the process: all conversions share the segments, and what they have learnt about the other process. */
const sharing = new SegmentSharing();

export function segmentPool(): SegmentPool {
  return sharing.pool;
}

/** The part of a leaf that says where its bytes are. */
export interface Payload {
  bytes: number;
  /** In the message, as base64. */
  data?: string;
  segment?: { name: string; path: string; pid: number };
}

function bytesOf(source: Source, bytes: number): Buffer {
  if ('array' in source) return Buffer.from(source.array.buffer, source.array.byteOffset, bytes);
  const copy = Buffer.allocUnsafe(bytes);
  theSystem().read(copy, source.address, bytes);
  return copy;
}

/**
 * Puts `bytes` bytes where the other process can read them: that is the one copy on this side.
 *
 * @throws MappingError when there is no memory for them.
 */
export async function sendBytes(
  withSource: (use: (source: Source) => void) => void,
  bytes: number,
  context: ConversionContext,
): Promise<Payload> {
  if (bytes <= INLINE_BYTES) {
    let data = '';
    withSource((source) => {
      data = bytesOf(source, bytes).toString('base64');
    });
    return { bytes, data };
  }
  await sharing.agree(context);
  const from = segmentPool();
  const segment = from.take(bytes);
  const system = theSystem();
  try {
    withSource((source) => {
      if ('array' in source) system.write(segment.mapping.address, source.array, bytes);
      else system.copy(segment.mapping.address, source.address, bytes);
    });
  } catch (error) {
    from.giveBack(segment);
    throw error;
  }
  const { pid } = context;
  context.done(() => {
    from.lend(segment, pid);
  });
  return { bytes, segment: { name: segment.name, path: segment.path, pid: process.pid } };
}

function hasPayload(leaf: Leaf): leaf is Leaf & Payload {
  const { bytes, data, segment } = leaf;
  if (!Number.isSafeInteger(bytes)) return false;
  if (typeof data === 'string') return true;
  return (
    typeof segment === 'object' &&
    segment !== null &&
    'path' in segment &&
    typeof segment.path === 'string' &&
    'name' in segment &&
    typeof segment.name === 'string'
  );
}

export function payloadOf(leaf: Leaf): Payload {
  if (hasPayload(leaf)) return leaf;
  throw new ConversionError('malformed', `the other process sent a leaf of kind ${leaf.$} without its bytes`);
}

/** A mapping's bytes in our memory; unmaps the mapping. */
export function copyOut(mapping: Mapping): ArrayBuffer {
  try {
    const buffer = new ArrayBuffer(mapping.length);
    theSystem().read(new Uint8Array(buffer), mapping.address, mapping.length);
    return buffer;
  } finally {
    mapping.unmap();
  }
}

/** A payload's bytes in our memory. */
export async function receiveBytes(payload: Payload, context: ConversionContext): Promise<ArrayBuffer> {
  const { bytes, data } = payload;
  if (data === undefined) return copyOut(await receiveMapping(payload, context));
  const decoded = Buffer.from(data, 'base64');
  if (decoded.length !== bytes) {
    throw new ConversionError('malformed', `${decoded.length} bytes arrived where ${bytes} were announced`);
  }
  const buffer = new ArrayBuffer(bytes);
  decoded.copy(new Uint8Array(buffer));
  return buffer;
}

const WHAT = 'a segment of the other process';

/**
 * A payload's segment, mapped here. Where the system does not let us open another process's memory, the other side
 * writes a file.
 */
export async function receiveMapping(payload: Payload, context: ConversionContext): Promise<Mapping> {
  const { segment, bytes } = payload;
  if (segment === undefined) throw new ConversionError('malformed', 'bytes arrived without a segment');
  try {
    return mapPath(segment.path, bytes, 'shared', WHAT);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') throw lost(bytes, error);
  } finally {
    // Mapped or given up: either way it is not on its way any more. A process that has ended needs no message.
    context.request('segment_taken', { name: segment.name, pid: process.pid }).catch(() => undefined);
  }
  const folder = join(tensorcellHome(), 'segments');
  const path = String(await context.request('segment_as_file', { name: segment.name, bytes, folder }));
  try {
    return mapPath(path, bytes, 'shared', WHAT);
  } catch (error) {
    throw lost(bytes, error);
  } finally {
    rmSync(path, { force: true });
  }
}

function lost(bytes: number, error: unknown): ConversionError {
  return new ConversionError(
    'memory',
    `${bytes} bytes could not be read from the other process: ${(error as Error).message}`,
    { cause: error },
  );
}

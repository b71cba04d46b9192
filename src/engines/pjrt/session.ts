import type { Api } from './c-api/api.ts';
import type { Struct, Pointer } from './c-api/structs.ts';
import type { Completion } from './completion.ts';
import { PjrtError } from './errors.ts';

/** Calls that may be in flight: more would hold the memory of all their results. */
const MOST_IN_FLIGHT = 32;

/** Device memory that the engine knows of: the CPU plugins do not report theirs. */
export interface MemoryUse {
  /** Bytes of live buffers. */
  readonly bytes: number;
  readonly peakBytes: number;
  readonly buffers: number;
  /** `device` where the plugin reports bytes, with what its allocator and running programs hold; else `engine`. */
  readonly source: 'device' | 'engine';
  /** Bytes that programs may use; undefined where the plugin does not tell. */
  readonly limit: number | undefined;
}

/** A native buffer and who has to free it. */
export interface BufferHandle {
  /** 0 before it exists and after it was destroyed. */
  pointer: Pointer;
  bytes: number;
  /** Whether `bytes` is part of the sums. */
  counted: boolean;
  /** The struct of the call that makes it: the pointer is there even when an interrupt came right after the call. */
  source: Struct<'ClientBufferFromHostBuffer'> | undefined;
}

/** A copy to JavaScript's memory. */
export interface HostCopy {
  done(): boolean;
  /** Blocks until it is done. */
  settle(): void;
}

/** The state that buffers and executables of one client share. */
export class Session {
  readonly api: Api;
  readonly client: Pointer;
  readonly device: Pointer;
  #bytes = 0;
  #peak = 0;
  #buffers = 0;
  #closed = false;
  #inFlight: Completion[] = [];
  /** Calls that failed while nothing had read their results. */
  #failed: Completion[] = [];
  /** Copies to JavaScript's memory that run: the memory has to live until the device has written it. */
  readonly copies = new Set<HostCopy>();
  readonly #handles = new Set<BufferHandle>();
  /** Programs that are not freed, by their native pointers. */
  readonly executables = new Map<Pointer, { destroy(): void }>();
  readonly #lost: FinalizationRegistry<BufferHandle>;

  constructor(api: Api, client: Pointer, device: Pointer) {
    this.api = api;
    this.client = client;
    this.device = device;
    // An interrupt may end a call before its caller has the buffer.
    this.#lost = new FinalizationRegistry((handle) => this.release(handle));
  }

  /** @throws PjrtError once the client is closed */
  checkOpen(): void {
    if (this.#closed)
      throw new PjrtError('FAILED_PRECONDITION', 'the PJRT client is closed: create a new one');
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Frees the handle with `owner`, unless `release` does so before. */
  watch(owner: object, handle: BufferHandle): void {
    this.#handles.add(handle);
    this.#lost.register(owner, handle, handle);
  }

  /** Counts a buffer that exists now. */
  count(handle: BufferHandle): void {
    handle.counted = true;
    this.#bytes += handle.bytes;
    this.#buffers++;
    if (this.#bytes > this.#peak) this.#peak = this.#bytes;
  }

  /** Destroys a native buffer once; what still computes with it keeps its memory. */
  release(handle: BufferHandle): void {
    this.#lost.unregister(handle);
    this.#handles.delete(handle);
    const { counted } = handle;
    const pointer = handle.pointer || (handle.source?.get('buffer') ?? 0);
    handle.pointer = 0;
    handle.source = undefined;
    handle.counted = false;
    if (counted) {
      this.#bytes -= handle.bytes;
      this.#buffers--;
    }
    if (pointer === 0 || this.#closed) return;
    this.destroyBuffer(pointer);
  }

  /** Destroys a native buffer that no handle has. */
  destroyBuffer(pointer: Pointer): void {
    this.api.act('BufferDestroy', pointer, 'freeing a tensor');
  }

  memory(): MemoryUse {
    return {
      bytes: this.#bytes,
      peakBytes: this.#peak,
      buffers: this.#buffers,
      source: 'engine',
      limit: undefined,
    };
  }

  /** Remembers a call that runs; waits for the oldest where too many do. */
  track(completion: Completion): void {
    this.#inFlight.push(completion);
    this.sweep();
    for (const oldest of this.#inFlight.slice(0, -MOST_IN_FLIGHT)) oldest.settleSync();
    this.sweep();
  }

  /** Forgets calls and copies that are done; failed ones are kept until their error was thrown. */
  sweep(): void {
    // A device works in order: the first that is not done ends the search.
    let done = 0;
    while (done < this.#inFlight.length && this.#inFlight[done]!.poll()) done++;
    if (done > 0) {
      for (const one of this.#inFlight.splice(0, done)) if (one.error !== undefined) this.#failed.push(one);
    }
    if (this.#failed.length > 0) {
      this.#failed = this.#failed.filter((one) => !one.reported).slice(-MOST_IN_FLIGHT);
    }
    for (const copy of this.copies) if (copy.done()) this.copies.delete(copy);
  }

  /** Calls that are not done now. */
  get inFlight(): readonly Completion[] {
    this.sweep();
    return [...this.#inFlight];
  }

  /** Throws the error of a call whose results nothing has read. */
  checkFailed(): void {
    this.sweep();
    this.#failed[0]?.check();
  }

  /** Destroys what is left; nothing can be used afterwards. Waits for running programs. */
  close(): void {
    if (this.#closed) return;
    for (const completion of this.#inFlight) completion.settleSync();
    for (const executable of this.executables.values()) executable.destroy();
    for (const copy of this.copies) copy.settle();
    for (const handle of this.#handles) this.release(handle);
    this.#closed = true;
  }
}

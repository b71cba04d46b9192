import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { TF } from '../../engines/dtypes.ts';

/** A batch as a model's step takes it. */
export interface Batch {
  /** Inputs, targets and sample weights; null where an output has none of those. */
  tensors: (Tensor | null)[];
  /** Samples in it. */
  size: number;
  bytes: number;
  /** Equal for batches that one graph serves; undefined where their types are none of tfjs's own. */
  kind: string | undefined;
}

/** The iterator of tfjs's data sets. */
export interface BatchIterator {
  next(): Promise<{ value: unknown; done?: boolean }>;
}

/** dtypes that tfjs knows by their own name: others change when tensors are joined. */
const TFJS_TYPES = new Set<number>([TF.FLOAT, TF.INT32, TF.BOOL]);

/** Takes tensors over as a batch. */
export function batchOf(backend: NodeBackend, tensors: (Tensor | null)[]): Batch {
  const present = tensors.filter((tensor) => tensor !== null);
  const own = present.every(({ dataId }) => TFJS_TYPES.has(backend.tensorMap.get(dataId).dtype));
  return {
    tensors,
    size: present[0]?.shape[0] ?? 0,
    bytes: present.reduce((sum, tensor) => sum + 4 * tensor.size, 0),
    kind: own ? tensors.map((one) => (one ? `${one.dtype}[${one.shape.join()}]` : '')).join(';') : undefined,
  };
}

/** Pulling is JavaScript: after so many milliseconds of it timers have their turn. */
const TURN_MS = 20;

/**
 * Batches of one epoch from a data set's iterator, in its order, one after the other. Some are pulled ahead, while a
 * step runs. An error of the iterator comes where its batch would have come.
 */
export class Prefetcher {
  /** Milliseconds that a batch takes to be pulled, as of late; undefined before the first. */
  pullTime: number | undefined;
  readonly #tf: Tf;
  readonly #iterator: BatchIterator;
  readonly #prepare: (element: unknown) => Promise<Batch>;
  readonly #ready: Batch[] = [];
  /** How many may still be pulled. */
  #left: number;
  /** How many should be ready. */
  #target = 0;
  #pumping = false;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #closed = false;
  #wake: (() => void) | undefined;
  #turn = performance.now();

  /** @param limit how many batches are taken at most: not one more is pulled. */
  constructor(
    tf: Tf,
    iterator: BatchIterator,
    prepare: (element: unknown) => Promise<Batch>,
    limit = Infinity,
  ) {
    this.#tf = tf;
    this.#iterator = iterator;
    this.#prepare = prepare;
    this.#left = limit;
  }

  /** Whether the iterator has no more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Has so many batches be pulled, if they are not there already; does not wait. */
  prefetch(count: number): void {
    this.#target = count;
    void this.#pump();
  }

  /**
   * Up to `count` batches of one kind, which then belong to the caller; none at the end of the epoch or after `close`.
   *
   * @param patience after so many milliseconds fewer will do.
   * @throws what the iterator threw.
   */
  async take(count: number, patience = Infinity): Promise<Batch[]> {
    this.prefetch(count);
    let waits = true;
    const timer =
      patience === Infinity
        ? undefined
        : setTimeout(() => {
            waits = false;
            this.#wake?.();
          }, patience);
    while (this.#pumping && !this.#closed && this.#taken(count) < count && !this.#mixed()) {
      if (!waits && this.#ready.length > 0) break;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    clearTimeout(timer);
    if (this.#closed) return [];
    // Nothing more is pulled until the next request.
    this.#target = 0;
    const batches = this.#ready.splice(0, this.#taken(count));
    if (batches.length === 0 && this.#failure !== undefined) throw this.#failure.error;
    return batches;
  }

  /** How many of the batches that are ready go into one call. */
  #taken(count: number): number {
    const kind = this.#ready[0]?.kind;
    if (kind === undefined) return Math.min(1, this.#ready.length);
    const other = this.#ready.findIndex((batch) => batch.kind !== kind);
    return Math.min(count, other < 0 ? this.#ready.length : other);
  }

  /** Whether a batch of another kind follows those that are taken next. */
  #mixed(): boolean {
    return this.#ready.length > 0 && this.#taken(Infinity) < this.#ready.length;
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#ready.length < this.#target && this.#left > 0 && !this.#closed) {
        const began = performance.now();
        const { value, done } = await this.#iterator.next();
        if (value !== null && value !== undefined) await this.#add(value, began);
        if (done === true) {
          this.#ended = true;
          this.#left = 0;
        }
        if (performance.now() - this.#turn > TURN_MS) {
          await nextTurn();
          this.#turn = performance.now();
        }
      }
    } catch (error) {
      this.#left = 0;
      this.#failure = { error };
    } finally {
      this.#pumping = false;
      this.#wake?.();
    }
  }

  async #add(element: unknown, began: number): Promise<void> {
    const batch = await this.#prepare(element);
    if (this.#closed) {
      this.#tf.dispose(batch.tensors as Tensor[]);
      return;
    }
    const time = performance.now() - began;
    this.pullTime = this.pullTime === undefined ? time : 0.7 * this.pullTime + 0.3 * time;
    this.#left--;
    this.#ready.push(batch);
    this.#wake?.();
  }

  /** Releases all batches that were pulled and not taken, also those under way. */
  close(): void {
    this.#closed = true;
    for (const { tensors } of this.#ready.splice(0)) this.#tf.dispose(tensors as Tensor[]);
    this.#wake?.();
  }
}

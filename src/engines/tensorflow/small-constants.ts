import { TF } from '../dtypes.ts';
import type { CApi, Pointer } from './c-api/functions.ts';

/** A handle that several tensors share, and how many do. */
interface Shared {
  key: string;
  handle: Pointer;
  users: number;
}

/** Axes, shapes and factors are at most this long. */
const LONGEST = 8;
const ENTRIES = 512;

/**
 * Handles of small constant tensors, used again: the axes of a sum, the shape of a reshape, the factor of a product are
 * made anew by tfjs for every op, and each would be five calls into TensorFlow, and on a GPU a copy to it. TensorFlow never
 * changes a tensor that other code holds.
 */
export class SmallConstants {
  readonly #api: CApi;
  readonly #byKey = new Map<string, Shared>();
  readonly #byTensor = new Map<number, Shared>();

  constructor(api: CApi) {
    this.#api = api;
  }

  /** The key of such a tensor; undefined where it is not small, or of another type. */
  key(shape: readonly number[], dtype: number, values: ArrayLike<unknown>): string | undefined {
    if (values.length > LONGEST || shape.length > 1 || (dtype !== TF.INT32 && dtype !== TF.FLOAT))
      return undefined;
    // A wrong number of values is refused where the tensor is made.
    if (values.length !== (shape[0] ?? 1)) return undefined;
    let key = `${dtype} ${shape.length}`;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== 'number') return undefined;
      // -0 reads as 0.
      key += value === 0 && Object.is(value, -0) ? ' -0' : ` ${value}`;
    }
    return key;
  }

  /** The handle that tensor `id` is to have, where there is one. */
  take(key: string, id: number): Pointer | undefined {
    const shared = this.#byKey.get(key);
    if (shared === undefined) return undefined;
    shared.users++;
    this.#byTensor.set(id, shared);
    return shared.handle;
  }

  /** A new handle, which tensor `id` has and others will. */
  add(key: string, id: number, handle: Pointer): void {
    if (this.#byKey.size >= ENTRIES) this.#sweep();
    const shared = { key, handle, users: 1 };
    this.#byKey.set(key, shared);
    this.#byTensor.set(id, shared);
  }

  /** Whether tensor `id` had a shared handle; it has none any more. */
  leave(id: number): boolean {
    const shared = this.#byTensor.get(id);
    if (shared === undefined) return false;
    this.#byTensor.delete(id);
    shared.users--;
    // It was swept while it was in use.
    if (shared.users === 0 && this.#byKey.get(shared.key) !== shared)
      this.#api.TFE_DeleteTensorHandle(shared.handle);
    return true;
  }

  /** Begins anew; handles in use are freed by their last user. */
  #sweep(): void {
    for (const { handle, users } of this.#byKey.values())
      if (users === 0) this.#api.TFE_DeleteTensorHandle(handle);
    this.#byKey.clear();
  }
}

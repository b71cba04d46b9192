import { tensorBytes } from '../dtypes.ts';

/** A tensor as `%memory` lists it. */
export interface TensorRecord {
  id: number;
  shape: number[];
  /** A TF_DataType. */
  dtype: number;
  bytes: number;
  /** The execution that made it; 0 when unknown. */
  execution: number;
  since: number;
  /** For the value of a variable that lies in a resource: an object that stands for the resource. */
  owner?: object;
}

interface Mark {
  firstId: number;
  execution: number;
  since: number;
}

/** The bytes that values take, and the executions that made them. Ids of tensors only grow. */
export class MemoryLedger {
  readonly #bytes = new Map<number, number>();
  /** Values that lie in resources only, with no handle: variables that compiled steps update. */
  readonly #held = new Map<object, TensorRecord>();
  /** The first id of each execution, in order. */
  readonly #marks: Mark[] = [];
  readonly #born = Date.now();
  #sum = 0;
  #peak = 0;

  /** Bytes of all values, without those of strings. */
  get bytes(): number {
    return this.#sum;
  }

  /** The largest that `bytes` has been. */
  get peak(): number {
    return this.#peak;
  }

  /** How many values lie in resources only. */
  get held(): number {
    return this.#held.size;
  }

  /** Bytes of a tensor; 0 for one of strings. */
  bytesOf(id: number): number {
    return this.#bytes.get(id) ?? 0;
  }

  add(id: number, shape: readonly number[], dtype: number): void {
    const bytes = tensorBytes(shape, dtype) ?? 0;
    if (bytes === 0) return;
    this.#bytes.set(id, bytes);
    this.#grow(bytes);
  }

  remove(id: number): void {
    this.#sum -= this.#bytes.get(id) ?? 0;
    this.#bytes.delete(id);
  }

  #grow(bytes: number): void {
    this.#sum += bytes;
    if (this.#sum > this.#peak) this.#peak = this.#sum;
  }

  /** A resource is from now on the only one to hold a value that had the handle `id` (negative: none). */
  retainValue(owner: object, shape: readonly number[], dtype: number, id: number): void {
    if (this.#held.has(owner)) return;
    const bytes = tensorBytes(shape, dtype) ?? 0;
    const mark = this.#marks.findLast(({ firstId }) => id < 0 || firstId <= id);
    const { execution, since } = mark ?? { execution: 0, since: this.#born };
    this.#held.set(owner, { id, shape: [...shape], dtype, bytes, execution, since, owner });
    this.#grow(bytes);
  }

  releaseValue(owner: object): void {
    this.#sum -= this.#held.get(owner)?.bytes ?? 0;
    this.#held.delete(owner);
  }

  /** Tensors from this id on belong to an execution. */
  mark(execution: number, firstId: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && last.firstId === firstId) this.#marks.pop();
    this.#marks.push({ firstId, execution, since: Date.now() });
    if (this.#marks.length > 20_000) this.#marks.splice(0, 10_000);
  }

  /** Records of all values. @param look reads what a handle holds. */
  records<Handle>(
    handles: ReadonlyMap<number, Handle>,
    look: (handle: Handle) => { shape: number[]; dtype: number },
  ): TensorRecord[] {
    const records: TensorRecord[] = [];
    let at = -1;
    // A Map keeps the order of insertion, and ids only grow: the marks are passed once.
    for (const [id, handle] of handles) {
      while (at + 1 < this.#marks.length && (this.#marks[at + 1] as Mark).firstId <= id) at++;
      const { execution, since } = this.#marks[at] ?? { execution: 0, since: this.#born };
      const { shape, dtype } = look(handle);
      records.push({ id, shape, dtype, bytes: tensorBytes(shape, dtype) ?? 0, execution, since });
    }
    records.push(...this.#held.values());
    return records;
  }
}

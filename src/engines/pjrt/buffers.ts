import { dtypeName, elementOf, typedValues, type NumericArray } from '../dtypes.ts';
import { checkShape } from '../shape.ts';
import { int64List, NativeMemory, Struct, type Pointer } from './c-api/structs.ts';
import { Completion } from './completion.ts';
import { bufferType, bytesOf, describeType, sizeOf, type TensorType } from './dtypes.ts';
import { PjrtError } from './errors.ts';
import type { BufferHandle, Session } from './session.ts';

/** An executable whose call gives a donated buffer its next value. */
export interface Settler {
  /** Finishes the bookkeeping of a call that an interrupt cut short. */
  settle(): void;
}

/**
 * A value in a device's memory. A buffer that a program updates in place stays the same object: it takes over the
 * memory of the program's output.
 */
export class DeviceBuffer {
  readonly session: Session;
  readonly type: TensorType;
  readonly #handle: BufferHandle;
  #completion: Completion | undefined;
  #owner: Settler | undefined;
  /** Why it has no value; undefined for a live buffer. */
  #gone: string | undefined;

  /** A buffer without a value; `fill` or `adopt` gives it one. */
  constructor(session: Session, type: TensorType) {
    this.session = session;
    this.type = type;
    this.#handle = { pointer: 0, bytes: bytesOf(type), counted: false, source: undefined };
    session.watch(this, this.#handle);
  }

  /**
   * Copies values to the device.
   *
   * @throws RangeError for a shape that does not fit the values @throws PjrtError when the device has no room
   */
  static upload(
    session: Session,
    type: TensorType,
    values: ArrayLike<number | bigint | boolean>,
  ): DeviceBuffer {
    session.checkOpen();
    checkShape(type.shape, 'a tensor');
    const kind = bufferType(type.dtype);
    const data = typedValues(type.dtype, values);
    const parts = elementOf(type.dtype)?.parts ?? 1;
    const expected = sizeOf(type.shape) * parts;
    if (data.length !== expected) {
      throw new RangeError(
        `a tensor of ${describeType(type)} has ${expected} values, and ${data.length} were given`,
      );
    }
    const buffer = new DeviceBuffer(session, type);
    buffer.#upload(kind, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return buffer;
  }

  #upload(kind: number, bytes: Uint8Array): void {
    const { session } = this;
    const struct = new Struct('ClientBufferFromHostBuffer')
      .set('client', session.client)
      .set('data', new NativeMemory(bytes))
      .set('type', kind)
      .set('dims', int64List(this.type.shape))
      .set('dimCount', this.type.shape.length)
      // kImmutableOnlyDuringCall: the plugin has copied the values when the call returns.
      .set('semantics', 0)
      .set('device', session.device);
    const what = `creating a tensor of ${describeType(this.type)}`;
    this.#handle.source = struct;
    session.api.call('ClientBufferFromHostBuffer', struct, what);
    const pointer = struct.get('buffer');
    // Without a function call between them, an interrupt falls before or after both.
    this.#handle.pointer = pointer;
    this.#handle.source = undefined;
    session.count(this.#handle);
    new Completion(session.api, struct.get('doneWithHostBuffer'), what).waitSync();
  }

  /** Takes over what an executable made. @param slots addresses of results; the one at `index` is 0 afterwards */
  take(slots: BigUint64Array, index: number, completion: Completion): void {
    const pointer = Number(slots[index]);
    const old = this.#handle.pointer;
    // Without a function call between them, an interrupt falls before or after all of them.
    this.#handle.pointer = pointer;
    slots[index] = 0n;
    this.#completion = completion;
    this.#owner = undefined;
    if (old === 0) this.session.count(this.#handle);
    else this.session.destroyBuffer(old);
  }

  /** From now until `take` or `leave` a call of `owner` may give this buffer its next value. */
  enter(owner: Settler): void {
    this.#owner = owner;
  }

  /** The call did not happen. */
  leave(): void {
    this.#owner = undefined;
  }

  /** A call that failed has used up the value. */
  lose(why: string): void {
    this.#owner = undefined;
    this.#gone = why;
    this.session.release(this.#handle);
  }

  /** Whether the device has dropped the value. */
  get deleted(): boolean {
    const { api } = this.session;
    if (this.#handle.pointer === 0) return true;
    return api.act('BufferIsDeleted', this.#handle.pointer, 'asking for a tensor').get('isDeleted') !== 0;
  }

  /** Whether it has a value. */
  get live(): boolean {
    this.#owner?.settle();
    return this.#handle.pointer !== 0 && !this.session.closed;
  }

  /**
   * The native buffer, checked: a dead one would end the process.
   *
   * @param what the tensor's part, for messages: `input 2 of add`
   * @throws PjrtError when it was freed, or the program that makes it has failed
   */
  pointer(what: string): Pointer {
    this.#owner?.settle();
    this.session.checkOpen();
    this.#completion?.check();
    if (this.#handle.pointer === 0) {
      throw new PjrtError(
        'FAILED_PRECONDITION',
        `${what}, a tensor of ${describeType(this.type)}, has no value: ${this.#gone ?? 'it was freed before'}`,
      );
    }
    return this.#handle.pointer;
  }

  /** The device's address of the value; a program that updates in place keeps it. */
  address(): Pointer {
    const { api } = this.session;
    return api.act('BufferUnsafePointer', this.pointer('the tensor'), 'asking for an address').get('address');
  }

  /** Frees the value; a second call does nothing. Programs that run with it finish. */
  destroy(): void {
    this.#owner?.settle();
    this.session.release(this.#handle);
  }

  /** Starts a copy to JavaScript's memory. */
  #copy(): { memory: NativeMemory; completion: Completion } {
    const { session, type } = this;
    const pointer = this.pointer('the tensor');
    const memory = new NativeMemory(this.#handle.bytes);
    if (this.#handle.bytes === 0) return { memory, completion: new Completion(session.api, 0, 'reading') };
    const struct = new Struct('BufferToHostBuffer')
      .set('buffer', pointer)
      .set('data', memory)
      .set('size', this.#handle.bytes);
    // A device may keep another order of axes: the row-major one is requested.
    const axes = type.shape.map((_, axis) => type.shape.length - 1 - axis);
    const layout = new Struct('MemoryLayout')
      .set('tiledStructSize', 56)
      .set('minorToMajor', int64List(axes))
      .set('minorToMajorSize', axes.length)
      .set('kind', 0);
    struct.set('hostLayout', layout);
    const what = `reading a tensor of ${describeType(type)}`;
    // After an interrupt the device may still write: the struct and its memory live until it has.
    let completion: Completion | undefined;
    const current = () => (completion ??= new Completion(session.api, struct.get('event'), what));
    const copy = { memory, done: () => current().poll(), settle: () => current().settleSync() };
    session.copies.add(copy);
    session.api.call('BufferToHostBuffer', struct, what);
    return { memory, completion: current() };
  }

  #values({ bytes }: NativeMemory): NumericArray {
    const element = elementOf(this.type.dtype);
    if (element === undefined) throw new TypeError(`${dtypeName(this.type.dtype)} holds no numbers`);
    const make = element.array as unknown as new (
      buffer: ArrayBuffer,
      offset: number,
      length: number,
    ) => NumericArray;
    return new make(bytes.buffer, 0, sizeOf(this.type.shape) * element.parts);
  }

  /** Copies the value to JavaScript; blocks this thread until it is there. @throws PjrtError */
  readSync(): NumericArray {
    const { memory, completion } = this.#copy();
    this.#await(completion);
    return this.#values(memory);
  }

  #await(completion: Completion): void {
    // The program's own error is more exact than the copy's.
    this.#completion?.waitSync();
    completion.waitSync();
    this.session.sweep();
  }

  /** The same without blocking the event loop. */
  async read(): Promise<NumericArray> {
    const { memory, completion } = this.#copy();
    await this.#completion?.wait();
    await completion.wait();
    this.session.sweep();
    return this.#values(memory);
  }
}

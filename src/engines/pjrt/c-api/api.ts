import { asError } from '../../errors.ts';
import { koffi } from '../../../base/koffi.ts';
import { pjrtError, type PjrtError } from '../errors.ts';
import { layoutOf, NativeMemory, Struct, textBytes, type Pointer, type StructName } from './structs.ts';

/** Places in the function table of PJRT_Api, in the header's order (xla/pjrt/c/pjrt_c_api.h). New ones come at the end. */
const SLOTS = {
  ErrorDestroy: 0,
  ErrorMessage: 1,
  ErrorGetCode: 2,
  PluginInitialize: 3,
  PluginAttributes: 4,
  EventDestroy: 5,
  EventIsReady: 6,
  EventError: 7,
  EventAwait: 8,
  ClientCreate: 10,
  ClientDestroy: 11,
  ClientPlatformName: 12,
  ClientPlatformVersion: 14,
  ClientAddressableDevices: 16,
  ClientCompile: 20,
  ClientBufferFromHostBuffer: 22,
  DeviceDescriptionId: 23,
  DeviceDescriptionKind: 26,
  DeviceGetDescription: 29,
  DeviceMemoryStats: 34,
  ExecutableDestroy: 40,
  ExecutableNumOutputs: 44,
  ExecutableSerialize: 49,
  LoadedExecutableDestroy: 50,
  LoadedExecutableGetExecutable: 51,
  LoadedExecutableExecute: 55,
  ExecutableDeserializeAndLoad: 56,
  BufferDestroy: 58,
  BufferIsDeleted: 68,
  BufferToHostBuffer: 70,
  BufferUnsafePointer: 73,
  ExecutableOutputElementTypes: 90,
  ExecutableOutputDimensions: 91,
} as const satisfies Partial<Record<StructName, number>>;

export type FunctionName = keyof typeof SLOTS;

/** Where the table begins in PJRT_Api: after its size, the extensions and the version struct. */
export const TABLE_OFFSET = 40;

/** How many functions a plugin's table must have at least. */
export const NEEDED_FUNCTIONS = Math.max(...Object.values(SLOTS)) + 1;

/** A function of the table: takes the address of its struct, returns a PJRT_Error or 0. */
interface NativeFunction {
  (address: Pointer): Pointer;
  async(address: Pointer, done: (error: unknown, result: Pointer) => void): void;
}

/** Where a struct's fields begin, after its size and the extension. */
const FIRST_FIELD = 16;

/** A copy of `length` bytes of C's memory. */
export function copyBytes(address: Pointer, length: number): Uint8Array<ArrayBuffer> {
  return length === 0 || address === 0
    ? new Uint8Array(0)
    : new Uint8Array(koffi().view(address, length).slice(0));
}

/** The value of an attribute of a plugin or device, or of an option of a client. */
export type NamedValue = string | number | boolean | number[];

/** PJRT_NamedValue_Type */
const KIND = { text: 0, integer: 1, integers: 2, float: 3, bool: 4 } as const;

/** A plugin's function table. */
export class Api {
  readonly #functions = new Map<FunctionName, NativeFunction>();
  readonly #shared = new Map<FunctionName, Struct<FunctionName>>();

  /** @param table the address of PJRT_Api, checked before. */
  constructor(table: Pointer) {
    const types = koffi();
    const prototype = types.proto('int64_t', ['int64_t']);
    const addresses = new NativeMemory(copyBytes(table + TABLE_OFFSET, NEEDED_FUNCTIONS * 8));
    for (const [name, slot] of Object.entries(SLOTS) as [FunctionName, number][]) {
      const call = types.decode(BigInt(addresses.word(slot * 8)), prototype) as NativeFunction;
      this.#functions.set(name, call);
    }
  }

  /** The native function, for calls that are too frequent for a look-up. */
  native(name: FunctionName): NativeFunction {
    return this.#functions.get(name)!;
  }

  /**
   * Calls a function with its struct.
   *
   * @param what the action, for the message of an error: `compiling add`. @throws PjrtError
   */
  call<Name extends FunctionName>(name: Name, struct: Struct<Name>, what: string): Struct<Name> {
    const failed = this.native(name)(struct.address);
    if (failed !== 0) throw this.takeError(failed, what);
    return struct;
  }

  /**
   * Calls a function whose struct has one input, its first field, with a struct that all such calls share.
   *
   * @returns the struct, for its results; valid until the next call
   */
  act<Name extends FunctionName>(name: Name, input: Pointer, what: string): Struct<Name> {
    let struct = this.#shared.get(name) as Struct<Name> | undefined;
    if (struct === undefined) {
      struct = new Struct(name);
      this.#shared.set(name, struct);
    }
    struct.setWord(FIRST_FIELD, input);
    return this.call(name, struct, what);
  }

  /** The same on a background thread. */
  async callAsync<Name extends FunctionName>(
    name: Name,
    struct: Struct<Name>,
    what: string,
  ): Promise<Struct<Name>> {
    const failed = await new Promise<Pointer>((resolve, reject) => {
      this.native(name).async(struct.address, (error, result) => {
        if (error) reject(asError(error));
        else resolve(result);
      });
    });
    if (failed !== 0) throw this.takeError(failed, what);
    return struct;
  }

  /** Reads and destroys a PJRT_Error. */
  takeError(error: Pointer, what: string): PjrtError {
    const message = new Struct('ErrorMessage').set('error', error);
    this.native('ErrorMessage')(message.address);
    const text = this.text(message.get('message'), message.get('messageSize'));
    const code = new Struct('ErrorGetCode').set('error', error);
    const failed = this.native('ErrorGetCode')(code.address);
    for (const read of [error, failed]) {
      if (read !== 0) this.native('ErrorDestroy')(new Struct('ErrorDestroy').set('error', read).address);
    }
    return pjrtError(failed === 0 ? code.get('code') : 2, text, what);
  }

  /** A text of C's with its length. */
  text(address: Pointer, length: number): string {
    return Buffer.from(copyBytes(address, length)).toString('utf8');
  }

  /** Numbers of 64 bits in C's memory. */
  words(address: Pointer, count: number): number[] {
    const memory = new NativeMemory(copyBytes(address, count * 8));
    return Array.from({ length: count }, (_, i) => Number(memory.view.getBigInt64(i * 8, true)));
  }

  /** Numbers of 32 bits in C's memory. */
  ints(address: Pointer, count: number): number[] {
    const memory = new NativeMemory(copyBytes(address, count * 4));
    return Array.from({ length: count }, (_, i) => memory.view.getInt32(i * 4, true));
  }

  /** An array of PJRT_NamedValue. */
  namedValues(address: Pointer, count: number): Map<string, NamedValue> {
    const size = namedValueSize();
    const values = new Map<string, NamedValue>();
    for (let i = 0; i < count; i++) {
      const entry = new Struct('NamedValue');
      entry.bytes.set(copyBytes(address + i * size, size));
      values.set(this.text(entry.get('name'), entry.get('nameSize')), this.#value(entry));
    }
    return values;
  }

  #value(entry: Struct<'NamedValue'>): NamedValue {
    const at = entry.offsetOf('value');
    switch (entry.get('type')) {
      case KIND.text:
        return this.text(entry.get('value'), entry.get('valueSize'));
      case KIND.integer:
        return Number(entry.view.getBigInt64(at, true));
      case KIND.integers:
        return this.words(entry.get('value'), entry.get('valueSize'));
      case KIND.float:
        return entry.view.getFloat32(at, true);
      default:
        return entry.view.getUint8(at) !== 0;
    }
  }
}

/** Bytes from one PJRT_NamedValue to the next. */
function namedValueSize(): number {
  return Math.ceil(layoutOf('NamedValue').size / 8) * 8;
}

/** Options as an array of PJRT_NamedValue; whole numbers are integers. */
export function encodeNamedValues(options: Readonly<Record<string, NamedValue>>): NativeMemory {
  const entries = Object.entries(options);
  const size = namedValueSize();
  const all = new NativeMemory(entries.length * size);
  for (const [i, [name, value]] of entries.entries()) {
    const entry = new Struct('NamedValue').set('nameSize', Buffer.byteLength(name)).set('valueSize', 1);
    const at = entry.offsetOf('value');
    if (typeof value === 'boolean') {
      entry.set('type', KIND.bool).view.setUint8(at, Number(value));
    } else if (Number.isInteger(value)) {
      entry.set('type', KIND.integer).view.setBigInt64(at, BigInt(value as number), true);
    } else if (typeof value === 'number') {
      entry.set('type', KIND.float).view.setFloat32(at, value, true);
    } else if (typeof value === 'string') {
      entry.set('type', KIND.text).set('valueSize', Buffer.byteLength(value));
    } else {
      entry.set('type', KIND.integers).set('valueSize', value.length);
    }
    all.bytes.set(entry.bytes, i * size);
    all.point(i * size + entry.offsetOf('name'), textBytes(name));
    if (typeof value === 'string') all.point(i * size + at, textBytes(value));
    if (Array.isArray(value)) {
      const list = new NativeMemory(value.length * 8);
      for (const [k, one] of value.entries()) list.view.setBigInt64(k * 8, BigInt(one), true);
      all.point(i * size + at, list);
    }
  }
  return all;
}

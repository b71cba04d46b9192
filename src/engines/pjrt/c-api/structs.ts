import { koffi } from '../../../base/koffi.ts';

/** An address: user space ends at 2^47, so a number holds it exactly. */
export type Pointer = number;

/** Bytes at a fixed address. C may keep the address as long as this object is reachable, and no longer. */
export class NativeMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly address: Pointer;
  /** Memory whose addresses are in this one, so that it lives as long. */
  readonly #held = new Map<number, NativeMemory>();

  constructor(bytes: number | Uint8Array) {
    const length = typeof bytes === 'number' ? bytes : bytes.length;
    // V8 keeps small typed arrays inside its own heap, where they move; an ArrayBuffer's memory stays in place.
    const buffer = new ArrayBuffer(Math.max(length, 8));
    this.bytes = new Uint8Array(buffer, 0, length);
    if (typeof bytes !== 'number') this.bytes.set(bytes);
    this.view = new DataView(buffer);
    this.address = Number(koffi().address(new Uint8Array(buffer)));
  }

  /** A pointer, or another number of 64 bits below 2^53. */
  word(offset: number): number {
    return this.view.getUint32(offset, true) + this.view.getUint32(offset + 4, true) * 2 ** 32;
  }

  /** Writes a number of 64 bits from 0 to 2^53. */
  setWord(offset: number, value: number): void {
    this.view.setUint32(offset, value >>> 0, true);
    this.view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
  }

  /** Writes the address of other memory, which lives from now on as long as this. */
  point(offset: number, to: NativeMemory): void {
    this.#held.set(offset, to);
    this.setWord(offset, to.address);
  }
}

/** Memory with the numbers of a list in 64 bits each. */
export function int64List(values: readonly number[]): NativeMemory {
  const memory = new NativeMemory(values.length * 8);
  for (const [i, value] of values.entries()) memory.view.setBigInt64(i * 8, BigInt(value), true);
  return memory;
}

/** Memory with the UTF-8 bytes of a text. */
export function textBytes(text: string): NativeMemory {
  return new NativeMemory(Buffer.from(text));
}

/** C types of fields: `word` is a pointer, size_t or a number of 64 bits that is not negative. */
type FieldType = 'word' | 'int' | 'bool' | 'int64' | 'float';

const SIZES: Record<FieldType, number> = { word: 8, int: 4, bool: 1, int64: 8, float: 4 };

/**
 * Fields of the argument structs in the header's order, after struct_size and the extension's pointer, which all have
 * (xla/pjrt/c/pjrt_c_api.h). Minor versions only append fields; a plugin reads as many as struct_size covers.
 */
const STRUCTS = {
  ErrorDestroy: { error: 'word' },
  ErrorMessage: { error: 'word', message: 'word', messageSize: 'word' },
  ErrorGetCode: { error: 'word', code: 'int' },
  PluginInitialize: {},
  PluginAttributes: { attributes: 'word', count: 'word' },
  EventDestroy: { event: 'word' },
  EventIsReady: { event: 'word', isReady: 'bool' },
  EventError: { event: 'word' },
  EventAwait: { event: 'word' },
  ClientCreate: {
    options: 'word',
    optionCount: 'word',
    keyValueGet: 'word',
    keyValueGetArgument: 'word',
    keyValuePut: 'word',
    keyValuePutArgument: 'word',
    client: 'word',
    keyValueTryGet: 'word',
    keyValueTryGetArgument: 'word',
  },
  ClientDestroy: { client: 'word' },
  ClientPlatformName: { client: 'word', name: 'word', nameSize: 'word' },
  ClientPlatformVersion: { client: 'word', version: 'word', versionSize: 'word' },
  ClientAddressableDevices: { client: 'word', devices: 'word', count: 'word' },
  ClientCompile: {
    client: 'word',
    program: 'word',
    options: 'word',
    optionsSize: 'word',
    executable: 'word',
  },
  ClientBufferFromHostBuffer: {
    client: 'word',
    data: 'word',
    type: 'int',
    dims: 'word',
    dimCount: 'word',
    byteStrides: 'word',
    byteStrideCount: 'word',
    semantics: 'int',
    device: 'word',
    memory: 'word',
    deviceLayout: 'word',
    doneWithHostBuffer: 'word',
    buffer: 'word',
  },
  DeviceDescriptionId: { description: 'word', id: 'int' },
  DeviceDescriptionKind: { description: 'word', kind: 'word', kindSize: 'word' },
  DeviceGetDescription: { device: 'word', description: 'word' },
  DeviceMemoryStats: {
    device: 'word',
    bytesInUse: 'int64',
    peakBytesInUse: 'int64',
    peakBytesInUseSet: 'bool',
    allocations: 'int64',
    allocationsSet: 'bool',
    largestAllocation: 'int64',
    largestAllocationSet: 'bool',
    bytesLimit: 'int64',
    bytesLimitSet: 'bool',
    bytesReserved: 'int64',
    bytesReservedSet: 'bool',
    peakBytesReserved: 'int64',
    peakBytesReservedSet: 'bool',
    bytesReservableLimit: 'int64',
    bytesReservableLimitSet: 'bool',
    largestFreeBlock: 'int64',
    largestFreeBlockSet: 'bool',
    poolBytes: 'int64',
    poolBytesSet: 'bool',
    peakPoolBytes: 'int64',
    peakPoolBytesSet: 'bool',
  },
  ExecutableDestroy: { executable: 'word' },
  ExecutableNumOutputs: { executable: 'word', count: 'word' },
  ExecutableSerialize: {
    executable: 'word',
    bytes: 'word',
    byteCount: 'word',
    serialized: 'word',
    deleter: 'word',
  },
  LoadedExecutableDestroy: { executable: 'word' },
  LoadedExecutableGetExecutable: { loaded: 'word', executable: 'word' },
  LoadedExecutableExecute: {
    executable: 'word',
    options: 'word',
    argumentLists: 'word',
    deviceCount: 'word',
    argumentCount: 'word',
    outputLists: 'word',
    completeEvents: 'word',
    executeDevice: 'word',
  },
  ExecutableDeserializeAndLoad: {
    client: 'word',
    bytes: 'word',
    byteCount: 'word',
    loaded: 'word',
    options: 'word',
    optionsSize: 'word',
  },
  BufferDestroy: { buffer: 'word' },
  BufferIsDeleted: { buffer: 'word', isDeleted: 'bool' },
  BufferToHostBuffer: { buffer: 'word', hostLayout: 'word', data: 'word', size: 'word', event: 'word' },
  BufferUnsafePointer: { buffer: 'word', address: 'word' },
  ExecutableOutputElementTypes: { executable: 'word', types: 'word', count: 'word' },
  ExecutableOutputDimensions: { executable: 'word', count: 'word', dims: 'word', ranks: 'word' },
  // Structs that others point to.
  Program: { code: 'word', codeSize: 'word', format: 'word', formatSize: 'word' },
  ExecuteOptions: {
    sendCallbacks: 'word',
    receiveCallbacks: 'word',
    sendCount: 'word',
    receiveCount: 'word',
    launchId: 'int',
    keptInputs: 'word',
    keptInputCount: 'word',
    context: 'word',
    callLocation: 'word',
    taskCount: 'word',
    taskIds: 'word',
    incarnationIds: 'word',
  },
  /** PJRT_Buffer_MemoryLayout of the kind Tiled: a struct in a union, then the kind. */
  MemoryLayout: {
    tiledStructSize: 'word',
    tiledExtension: 'word',
    minorToMajor: 'word',
    minorToMajorSize: 'word',
    tileDims: 'word',
    tileDimSizes: 'word',
    tileCount: 'word',
    kind: 'int',
  },
  /** The value is a union: a pointer, a number of 64 bits, a float, or a boolean. */
  NamedValue: { name: 'word', nameSize: 'word', type: 'int', value: 'word', valueSize: 'word' },
} as const satisfies Record<string, Record<string, FieldType>>;

export type StructName = keyof typeof STRUCTS;

type FieldOf<Name extends StructName> = keyof (typeof STRUCTS)[Name] & string;

interface Layout {
  size: number;
  fields: ReadonlyMap<string, { type: FieldType; offset: number }>;
}

const layouts = new Map<StructName, Layout>();

/** Offsets and size of a struct by C's rules: each field is aligned to its size, and struct_size ends with the last. */
export function layoutOf(name: StructName): Layout {
  let layout = layouts.get(name);
  if (layout === undefined) {
    let at = 16;
    const fields = new Map<string, { type: FieldType; offset: number }>();
    for (const [field, type] of Object.entries(STRUCTS[name]) as [string, FieldType][]) {
      const bytes = SIZES[type];
      at = Math.ceil(at / bytes) * bytes;
      fields.set(field, { type, offset: at });
      at += bytes;
    }
    layout = { size: at, fields };
    layouts.set(name, layout);
  }
  return layout;
}

/** A struct of the API in memory, with its size filled in. */
export class Struct<Name extends StructName> extends NativeMemory {
  readonly #layout: Layout;

  constructor(name: Name) {
    const layout = layoutOf(name);
    super(Math.ceil(layout.size / 8) * 8);
    this.#layout = layout;
    this.setWord(0, layout.size);
  }

  offsetOf(field: FieldOf<Name>): number {
    return this.#layout.fields.get(field)!.offset;
  }

  set(field: FieldOf<Name>, value: number | boolean | NativeMemory): this {
    const { type, offset } = this.#layout.fields.get(field)!;
    if (value instanceof NativeMemory) this.point(offset, value);
    else if (type === 'word') this.setWord(offset, Number(value));
    else if (type === 'int') this.view.setInt32(offset, Number(value), true);
    else if (type === 'bool') this.view.setUint8(offset, Number(value));
    else if (type === 'float') this.view.setFloat32(offset, Number(value), true);
    else this.view.setBigInt64(offset, BigInt(Number(value)), true);
    return this;
  }

  get(field: FieldOf<Name>): number {
    const { type, offset } = this.#layout.fields.get(field)!;
    if (type === 'word') return this.word(offset);
    if (type === 'int') return this.view.getInt32(offset, true);
    if (type === 'bool') return this.view.getUint8(offset);
    if (type === 'float') return this.view.getFloat32(offset, true);
    return Number(this.view.getBigInt64(offset, true));
  }
}

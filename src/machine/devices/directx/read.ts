import koffi from 'koffi';
import type { TypeObject } from 'koffi';
import type { DirectxAdapter, DirectxReport } from './report.ts';

/** A GUID in memory: the first three groups little-endian. */
function guid(text: string): Buffer {
  const [a, b, c, d, e] = text.split('-') as [string, string, string, string, string];
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(Number.parseInt(a, 16), 0);
  bytes.writeUInt16LE(Number.parseInt(b, 16), 4);
  bytes.writeUInt16LE(Number.parseInt(c, 16), 6);
  Buffer.from(d + e, 'hex').copy(bytes, 8);
  return bytes;
}

// Interfaces and slots as in dxcore_interface.h (microsoft/DirectX-Headers); slots 0 to 2 are IUnknown's.
const FACTORY = guid('78ee5945-c36e-4b13-a669-005dd11c0f06');
const LIST = guid('526c7776-40e9-459b-b711-f32ad76dfc28');
const ADAPTER = guid('f0db4c7f-fe5a-42a2-bd62-f2a6cf6fc83e');
const CORE_COMPUTE = guid('248e2800-a793-4724-abaa-23a6de1be090');
const SLOT = {
  release: 2,
  createAdapterList: 3,
  getAdapter: 3,
  getAdapterCount: 4,
  isPropertySupported: 5,
  getProperty: 6,
  getPropertySize: 7,
};

const PROPERTY = {
  driverVersion: 1,
  driverDescription: 2,
  hardwareId: 3,
  dedicatedMemory: 7,
  sharedMemory: 9,
  isHardware: 11,
  isIntegrated: 12,
  hardwareIdParts: 14,
};

const THIS = 'uint64_t';
const POINTER = 'void *';
const release = koffi.proto('uint32_t', [THIS]);
const createList = koffi.proto('int32_t', [THIS, 'uint32_t', POINTER, POINTER, POINTER]);
const getAdapter = koffi.proto('int32_t', [THIS, 'uint32_t', POINTER, POINTER]);
const getCount = koffi.proto('uint32_t', [THIS]);
const isSupported = koffi.proto('bool', [THIS, 'uint32_t']);
const getProperty = koffi.proto('int32_t', [THIS, 'uint32_t', 'size_t', POINTER]);
const getPropertySize = koffi.proto('int32_t', [THIS, 'uint32_t', POINTER]);

/** Calls a method of a COM object through its table. */
function invoke(object: bigint, slot: number, proto: TypeObject, ...values: unknown[]): unknown {
  const table = koffi.decode(object, THIS) as number | bigint;
  const method = koffi.decode(BigInt(table) + BigInt(slot * 8), THIS) as number | bigint;
  return koffi.call(BigInt(method), proto, object, ...values);
}

function readAdapter(adapter: bigint): DirectxAdapter {
  const property = (id: number, size?: number): Buffer | null => {
    if (invoke(adapter, SLOT.isPropertySupported, isSupported, id) !== true) return null;
    let length = size;
    if (length === undefined) {
      const out = Buffer.alloc(8);
      if (invoke(adapter, SLOT.getPropertySize, getPropertySize, id, out) !== 0) return null;
      length = Number(out.readBigUInt64LE(0));
    }
    const data = Buffer.alloc(length);
    return invoke(adapter, SLOT.getProperty, getProperty, id, length, data) === 0 ? data : null;
  };
  const bytes = (id: number): number | null => {
    const data = property(id, 8);
    return data ? Number(data.readBigUInt64LE(0)) : null;
  };
  const flag = (id: number): boolean | null => {
    const data = property(id, 1);
    return data ? data[0] !== 0 : null;
  };
  const description = property(PROPERTY.driverDescription);
  const version = property(PROPERTY.driverVersion, 8);
  const hardware = property(PROPERTY.hardwareIdParts, 20) ?? property(PROPERTY.hardwareId, 16);
  return {
    name: description ? description.toString('utf8').replace(/\0.*$/s, '') : null,
    vendorId: hardware ? hardware.readUInt32LE(0) : null,
    deviceId: hardware ? hardware.readUInt32LE(4) : null,
    // The highest word first: 31.0.15.3742.
    driverVersion: version ? [6, 4, 2, 0].map((at) => version.readUInt16LE(at)).join('.') : null,
    dedicatedMemoryBytes: bytes(PROPERTY.dedicatedMemory),
    sharedMemoryBytes: bytes(PROPERTY.sharedMemory),
    hardware: flag(PROPERTY.isHardware),
    integrated: flag(PROPERTY.isIntegrated),
  };
}

/**
 * Lists the adapters that can compute (Direct3D 12 core compute). Blocks as long as the driver does: only for a
 * process that may be killed.
 *
 * @throws what the loader says when the library cannot be loaded.
 */
export function readDirectx(path: string): DirectxReport {
  const library = koffi.load(path);
  const create = library.func('DXCoreCreateAdapterFactory', 'int32_t', [POINTER, POINTER]);
  const out = Buffer.alloc(8);
  const made = create(FACTORY, out) as number;
  if (made !== 0) return { result: made, adapters: [] };
  const factory = out.readBigUInt64LE(0);
  const listed = invoke(factory, SLOT.createAdapterList, createList, 1, CORE_COMPUTE, LIST, out) as number;
  if (listed !== 0) return { result: listed, adapters: [] };
  const list = out.readBigUInt64LE(0);
  const adapters: DirectxAdapter[] = [];
  const count = invoke(list, SLOT.getAdapterCount, getCount) as number;
  for (let index = 0; index < count; index++) {
    if (invoke(list, SLOT.getAdapter, getAdapter, index, ADAPTER, out) !== 0) continue;
    const adapter = out.readBigUInt64LE(0);
    adapters.push(readAdapter(adapter));
    invoke(adapter, SLOT.release, release);
  }
  invoke(list, SLOT.release, release);
  invoke(factory, SLOT.release, release);
  return { result: 0, adapters };
}

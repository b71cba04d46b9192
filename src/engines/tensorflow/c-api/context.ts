import type { CApi, Pointer } from './functions.ts';
import { configProto, type ContextOptions } from './context-options.ts';
import { Status } from './library.ts';
import { asError } from '../../errors.ts';

/** One device of TensorFlow's. */
export interface TensorflowDevice {
  /** Such as `/job:localhost/replica:0/task:0/device:GPU:0`. */
  name: string;
  /** `CPU`, `GPU`, … */
  type: string;
  /** Memory that TensorFlow may use; undefined where it only gives a made-up number (it does for CPUs). */
  memoryBytes: number | undefined;
}

/** A TFE_Context on libraries that are loaded, and what belongs to it. */
export interface Context {
  readonly api: CApi;
  readonly pointer: Pointer;
  readonly options: ContextOptions;
  /** Options as bytes of a ConfigProto, for functions that ask for them again. */
  readonly config: Uint8Array;
}

function prepare(api: CApi, options: ContextOptions) {
  const status = new Status(api);
  const config = configProto(options);
  const wrapped = api.TFE_NewContextOptions();
  api.TFE_ContextOptionsSetConfig(wrapped, config, config.length, status.pointer);
  const finish = (pointer: Pointer): Context => {
    api.TFE_DeleteContextOptions(wrapped);
    status.check();
    api.TF_DeleteStatus(status.pointer);
    return { api, pointer, options, config };
  };
  return { status, wrapped, finish };
}

/** Makes a context. Blocks while devices start. */
export function newContext(api: CApi, options: ContextOptions): Context {
  const { status, wrapped, finish } = prepare(api, options);
  status.check();
  return finish(api.TFE_NewContext(wrapped, status.pointer));
}

/** The same on a background thread: starting a GPU takes a second or more. */
export async function newContextAsync(api: CApi, options: ContextOptions): Promise<Context> {
  const { status, wrapped, finish } = prepare(api, options);
  status.check();
  const pointer = await new Promise<Pointer>((resolve, reject) => {
    api.TFE_NewContext.async(wrapped, status.pointer, (error, value) => {
      if (error) reject(asError(error));
      else resolve(value);
    });
  });
  return finish(pointer);
}

/** The devices of a context, in TensorFlow's order. */
export function contextDevices({ api, pointer }: Context): TensorflowDevice[] {
  const status = new Status(api);
  const list = api.TFE_ContextListDevices(pointer, status.pointer);
  status.check();
  const devices = Array.from({ length: api.TF_DeviceListCount(list) }, (_, i) => {
    const type = api.TF_DeviceListType(list, i, status.pointer);
    const bytes = api.TF_DeviceListMemoryBytes(list, i, status.pointer);
    return {
      name: api.TF_DeviceListName(list, i, status.pointer),
      type,
      // TensorFlow says 256 MiB for every CPU, whatever there is.
      memoryBytes: type === 'CPU' || bytes <= 0 ? undefined : bytes,
    };
  });
  api.TF_DeleteDeviceList(list);
  api.TF_DeleteStatus(status.pointer);
  return devices;
}

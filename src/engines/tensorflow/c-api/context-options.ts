import { ProtoWriter } from '../../../base/protobuf/writer.ts';

/** Options of a TensorFlow context. Everything is optional. */
export interface ContextOptions {
  /** GPU memory grows on demand; TensorFlow's own default takes all of it. Default true. */
  memoryGrowth?: boolean;
  /** At most this much memory of each GPU, in MiB. */
  memoryLimitMiB?: number;
  /** GPUs that TensorFlow may use, by number in the driver's order, such as `0,2`. */
  visibleDevices?: string;
  /** How many devices of a kind there are: `{ CPU: 2 }` splits the CPU, `{ GPU: 0 }` hides all GPUs. */
  deviceCount?: Record<string, number>;
  /** Threads that share one op's work; 0 lets TensorFlow choose. */
  intraOpThreads?: number;
  /** Ops that run at the same time; 0 lets TensorFlow choose. */
  interOpThreads?: number;
  /** Ops that a device lacks run on another one. Default true. */
  softPlacement?: boolean;
  logDevicePlacement?: boolean;
}

/** A tensorflow.ConfigProto (tensorflow/core/protobuf/config.proto) as bytes. */
export function configProto(options: ContextOptions = {}): Uint8Array {
  const config = new ProtoWriter();
  for (const [device, count] of Object.entries(options.deviceCount ?? {})) {
    config.bytes(1, new ProtoWriter().bytes(1, device).int(2, count));
  }
  if (options.intraOpThreads) config.int(2, options.intraOpThreads);
  if (options.interOpThreads) config.int(5, options.interOpThreads);
  const gpu = new ProtoWriter().int(4, options.memoryGrowth ?? true);
  if (options.visibleDevices !== undefined) gpu.bytes(5, options.visibleDevices);
  if (options.memoryLimitMiB !== undefined) {
    gpu.bytes(9, new ProtoWriter().bytes(1, new ProtoWriter().float(1, options.memoryLimitMiB)));
  }
  config.bytes(6, gpu);
  config.int(7, options.softPlacement ?? true);
  if (options.logDevicePlacement) config.int(8, true);
  return config.finish();
}

/** Reads options from JSON text, such as `TENSORCELL_CONTEXT` holds; throws a TypeError that names the wrong entry. */
export function parseContextOptions(text: string | undefined): ContextOptions {
  if (!text) return {};
  const read: unknown = JSON.parse(text);
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw new TypeError(`TENSORCELL_CONTEXT is not a JSON object: ${text}`);
  }
  const kinds: Record<keyof ContextOptions, string> = {
    memoryGrowth: 'boolean',
    memoryLimitMiB: 'number',
    visibleDevices: 'string',
    deviceCount: 'object',
    intraOpThreads: 'number',
    interOpThreads: 'number',
    softPlacement: 'boolean',
    logDevicePlacement: 'boolean',
  };
  for (const [name, value] of Object.entries(read)) {
    const kind = (kinds as Record<string, string | undefined>)[name];
    if (kind === undefined) throw new TypeError(`TENSORCELL_CONTEXT knows no option ${name}`);
    if (typeof value !== kind) {
      throw new TypeError(`TENSORCELL_CONTEXT: ${name} is a ${kind}, not ${JSON.stringify(value)}`);
    }
  }
  return read;
}

import { DeviceBuffer } from './buffers.ts';
import { encodeNamedValues, type NamedValue } from './c-api/api.ts';
import type { Plugin } from './c-api/plugin.ts';
import { Struct, type Pointer } from './c-api/structs.ts';
import { Compiler, type CompileCounts } from './compiler.ts';
import type { TensorType } from './dtypes.ts';
import { PjrtError } from './errors.ts';
import type { Executable, Program } from './executables.ts';
import type { ProgramCache } from './program-cache.ts';
import { Session, type MemoryUse } from './session.ts';

/** A device of a client. */
export interface Device {
  readonly pointer: Pointer;
  readonly id: number;
  /** Such as `cpu`, `NVIDIA GeForce RTX 5090`. */
  readonly kind: string;
}

export interface ClientOptions {
  /** Options of the plugin, such as `memory_fraction` of the GPU plugins. */
  readonly create?: Readonly<Record<string, NamedValue>>;
  /** Where compiled programs are kept between sessions; without it they are not. */
  readonly cache?: ProgramCache;
}

/** The devices of a plugin, and what runs on the first of them. */
export class Client {
  readonly plugin: Plugin;
  readonly devices: readonly Device[];
  /** Such as `cpu`, `cuda`. */
  readonly platform: string;
  readonly platformVersion: string;
  readonly #session: Session;
  readonly #compiler: Compiler;

  /**
   * Starts the devices of a plugin. Blocks while they start.
   *
   * @throws PjrtError when the plugin finds no device
   */
  constructor(plugin: Plugin, options: ClientOptions = {}) {
    const { api } = plugin;
    const struct = new Struct('ClientCreate');
    const named = options.create ?? {};
    if (Object.keys(named).length > 0) {
      struct.set('options', encodeNamedValues(named)).set('optionCount', Object.keys(named).length);
    }
    const client = api.call('ClientCreate', struct, 'starting the devices').get('client');
    this.plugin = plugin;
    const name = api.act('ClientPlatformName', client, 'asking for the platform');
    this.platform = api.text(name.get('name'), name.get('nameSize'));
    const version = api.act('ClientPlatformVersion', client, 'asking for the version');
    this.platformVersion = api.text(version.get('version'), version.get('versionSize'));
    this.devices = this.#listDevices(client);
    const [first] = this.devices;
    if (first === undefined) {
      api.act('ClientDestroy', client, 'closing the devices');
      throw new PjrtError('UNAVAILABLE', `the PJRT plugin ${plugin.file} has no devices here`);
    }
    this.#session = new Session(api, client, first.pointer);
    const target = { platform: this.platform, version: this.platformVersion, deviceKind: first.kind };
    this.#compiler = new Compiler(plugin, this.#session, target, options.cache);
  }

  #listDevices(client: Pointer): Device[] {
    const { api } = this.plugin;
    const what = 'listing the devices';
    const list = api.act('ClientAddressableDevices', client, what);
    return api.words(list.get('devices'), list.get('count')).map((pointer) => {
      const description = api.act('DeviceGetDescription', pointer, what).get('description');
      const id = api.act('DeviceDescriptionId', description, what).get('id');
      const kind = api.act('DeviceDescriptionKind', description, what);
      return { pointer, id, kind: api.text(kind.get('kind'), kind.get('kindSize')) };
    });
  }

  /**
   * Copies values to the first device; blocks until they are there.
   *
   * @param values one for each element; complex numbers as pairs
   * @throws RangeError when the shape does not fit @throws PjrtError when there is no room
   */
  upload(type: TensorType, values: ArrayLike<number | bigint | boolean>): DeviceBuffer {
    return DeviceBuffer.upload(this.#session, type, values);
  }

  /** Compiles a program, or loads it from the disk, without blocking the event loop. @throws PjrtError */
  compile(program: Program): Promise<Executable> {
    return this.#compiler.compile(program);
  }

  /** The same; blocks this thread, and cannot be interrupted. @throws PjrtError */
  compileSync(program: Program): Executable {
    return this.#compiler.compileSync(program);
  }

  get counts(): Readonly<CompileCounts> {
    return this.#compiler.counts;
  }

  /** Memory in use: the device's own count where the plugin has one, else the live buffers. */
  memory(): MemoryUse {
    const counted = this.#session.memory();
    let stats: Struct<'DeviceMemoryStats'>;
    try {
      stats = this.plugin.api.act('DeviceMemoryStats', this.#session.device, 'asking for memory');
    } catch (error) {
      if (error instanceof PjrtError && error.code === 'UNIMPLEMENTED') return counted;
      throw error;
    }
    return {
      bytes: stats.get('bytesInUse'),
      peakBytes: stats.get('peakBytesInUseSet') ? stats.get('peakBytesInUse') : counted.peakBytes,
      buffers: counted.buffers,
      source: 'device',
      limit: stats.get('bytesLimitSet') ? stats.get('bytesLimit') : undefined,
    };
  }

  /** Blocks until everything that was started is done. @throws PjrtError of a program whose results nothing has read */
  synchronize(): void {
    for (const completion of this.#session.inFlight) completion.settleSync();
    this.#session.checkFailed();
  }

  /** The same without blocking the event loop. */
  async synchronizeAsync(): Promise<void> {
    for (const completion of this.#session.inFlight) await completion.settle();
    this.#session.checkFailed();
  }

  /**
   * Frees the devices and everything on them; waits for running programs. A second call does nothing. Where another
   * thread still compiles, the devices stay until it is done.
   */
  close(): void {
    if (this.#session.closed) return;
    this.#session.close();
    this.#compiler.close();
    const destroy = () =>
      void this.plugin.api.act('ClientDestroy', this.#session.client, 'closing the devices');
    if (this.#compiler.busy) void this.#compiler.idle().then(destroy);
    else destroy();
  }
}

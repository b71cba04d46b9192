import { DeviceBuffer } from './buffers.ts';
import { copyBytes, encodeNamedValues, type NamedValue } from './c-api/api.ts';
import { pluginHash, type Plugin } from './c-api/plugin.ts';
import { NativeMemory, Struct, textBytes, type Pointer } from './c-api/structs.ts';
import { koffi } from '../koffi.ts';
import { compileOptions } from './compile-options.ts';
import type { TensorType } from './dtypes.ts';
import { PjrtError } from './errors.ts';
import { Executable, withExecutable, type Program } from './executables.ts';
import { cpuFeatures, type ProgramCache, type ProgramKey } from './program-cache.ts';
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

/** How programs came about. */
export interface CompileCounts {
  compiled: number;
  /** Read from the disk. */
  cached: number;
}

/** Program text must not be empty: the plugin ends the process. */
function checkProgram({ name, text }: Program): void {
  if (text.trim() === '') throw new PjrtError('INVALID_ARGUMENT', `the program of ${name} is empty`);
}

/** The devices of a plugin, and what runs on the first of them. */
export class Client {
  readonly plugin: Plugin;
  readonly devices: readonly Device[];
  /** Such as `cpu`, `cuda`. */
  readonly platform: string;
  readonly platformVersion: string;
  readonly counts: CompileCounts = { compiled: 0, cached: 0 };
  readonly #session: Session;
  readonly #cache: ProgramCache | undefined;
  readonly #options = new NativeMemory(compileOptions());

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
    this.#cache = options.cache;
    const name = api.act('ClientPlatformName', client, 'asking for the platform');
    this.platform = api.text(name.get('name'), name.get('nameSize'));
    const version = api.act('ClientPlatformVersion', client, 'asking for the version');
    this.platformVersion = api.text(version.get('version'), version.get('versionSize'));
    this.devices = this.#listDevices(client);
    const [first] = this.devices;
    if (first === undefined) {
      throw new PjrtError('UNAVAILABLE', `the PJRT plugin ${plugin.file} has no devices here`);
    }
    this.#session = new Session(api, client, first.pointer);
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
  async compile(program: Program): Promise<Executable> {
    const known = this.#load(program);
    if (known !== undefined) return known;
    const struct = this.#compileStruct(program);
    await this.plugin.api.callAsync('ClientCompile', struct, `compiling ${program.name}`);
    return this.#made(program, struct);
  }

  /** The same; blocks this thread, and cannot be interrupted. @throws PjrtError */
  compileSync(program: Program): Executable {
    const known = this.#load(program);
    if (known !== undefined) return known;
    const struct = this.#compileStruct(program);
    this.plugin.api.call('ClientCompile', struct, `compiling ${program.name}`);
    return this.#made(program, struct);
  }

  #compileStruct(program: Program): Struct<'ClientCompile'> {
    this.#session.checkOpen();
    checkProgram(program);
    const code = textBytes(program.text);
    const format = textBytes('mlir');
    const about = new Struct('Program')
      .set('code', code)
      .set('codeSize', code.bytes.length)
      .set('format', format)
      .set('formatSize', format.bytes.length);
    return new Struct('ClientCompile')
      .set('client', this.#session.client)
      .set('program', about)
      .set('options', this.#options)
      .set('optionsSize', this.#options.bytes.length);
  }

  #made(program: Program, struct: Struct<'ClientCompile'>): Executable {
    const loaded = struct.get('executable');
    const executable = new Executable(this.#session, loaded, program);
    this.counts.compiled++;
    if (this.#cache !== undefined) {
      const bytes = this.#serialize(loaded);
      if (bytes !== undefined) this.#cache.write(this.#key(program), bytes);
    }
    return executable;
  }

  #key({ text }: Program): ProgramKey {
    return {
      text,
      options: this.#options.bytes,
      plugin: pluginHash(this.plugin.file),
      platform: `${this.platform} ${this.platformVersion}`,
      deviceKind: this.devices[0]!.kind,
      cpu: cpuFeatures(),
      flags: process.env['XLA_FLAGS'] ?? '',
    };
  }

  #load(program: Program): Executable | undefined {
    if (this.#cache === undefined) return undefined;
    this.#session.checkOpen();
    checkProgram(program);
    const key = this.#key(program);
    const bytes = this.#cache.read(key);
    if (bytes === undefined) return undefined;
    const struct = new Struct('ExecutableDeserializeAndLoad')
      .set('client', this.#session.client)
      .set('bytes', new NativeMemory(bytes))
      .set('byteCount', bytes.length);
    try {
      this.plugin.api.call('ExecutableDeserializeAndLoad', struct, `loading ${program.name}`);
      const executable = new Executable(this.#session, struct.get('loaded'), program);
      this.counts.cached++;
      return executable;
    } catch {
      // Compiled again; the plugin knows why, and the user cannot act on it.
      this.#cache.remove(key);
      return undefined;
    }
  }

  /** A compiled program as bytes; undefined where the plugin cannot serialize it. */
  #serialize(loaded: Pointer): Uint8Array | undefined {
    const { api } = this.plugin;
    try {
      return withExecutable(this.#session, loaded, (executable) => {
        const struct = new Struct('ExecutableSerialize').set('executable', executable);
        api.call('ExecutableSerialize', struct, 'serializing a program');
        const bytes = copyBytes(struct.get('bytes'), struct.get('byteCount'));
        const types = koffi();
        const free = types.decode(BigInt(struct.get('deleter')), types.proto('void', ['int64_t'])) as (
          serialized: Pointer,
        ) => void;
        free(struct.get('serialized'));
        return bytes;
      });
    } catch (error) {
      if (error instanceof PjrtError) return undefined;
      throw error;
    }
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

  /** Frees the devices and everything on them; a second call does nothing. */
  close(): void {
    if (this.#session.closed) return;
    this.#session.close();
    this.plugin.api.act('ClientDestroy', this.#session.client, 'closing the devices');
  }
}

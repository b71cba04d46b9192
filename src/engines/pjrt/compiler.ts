import { koffi } from '../../base/koffi.ts';
import { copyBytes } from './c-api/api.ts';
import { pluginHash, readNoFlags, type Plugin } from './c-api/plugin.ts';
import { NativeMemory, Struct, textBytes, type Pointer } from './c-api/structs.ts';
import { compileOptions, flagsFor } from './compile-options.ts';
import { PjrtError } from './errors.ts';
import { Executable, withExecutable, type Program } from './executables.ts';
import { cpuFeatures, type ProgramCache, type ProgramKey } from './program-cache.ts';
import type { Session } from './session.ts';

/** How programs came about. */
export interface CompileCounts {
  compiled: number;
  /** Read from the disk. */
  cached: number;
}

/** For `readNoFlags`. */
const NOTHING = 'module @m { func.func @main() { return } }';

/** Refuses texts that end the process inside the plugin: nothing, and a function that calls itself. */
function checkProgram({ name, text }: Program): void {
  if (text.trim() === '') throw new PjrtError('INVALID_ARGUMENT', `the program of ${name} is empty`);
  // The engine's programs have one function, so that no call is recursive.
  if (/\bcall\s+@/.test(text)) {
    throw new PjrtError(
      'INVALID_ARGUMENT',
      `the program of ${name} calls a function, and a recursive call would end the process`,
    );
  }
}

/** Makes executables from programs, or loads them from the disk. */
export class Compiler {
  readonly counts: CompileCounts = { compiled: 0, cached: 0 };
  readonly #plugin: Plugin;
  readonly #session: Session;
  readonly #cache: ProgramCache | undefined;
  readonly #platform: string;
  /** Of the key: platform, version and device. */
  readonly #target: Pick<ProgramKey, 'platform' | 'deviceKind'>;
  /** Compilations on this thread by program text: an interrupt may fall between the call and its result's owner. */
  readonly #unclaimed = new Map<string, Struct<'ClientCompile'>>();
  readonly #running = new Set<Promise<unknown>>();

  /** @param target the platform's name and version, and what the device is */
  constructor(
    plugin: Plugin,
    session: Session,
    target: { platform: string; version: string; deviceKind: string },
    cache: ProgramCache | undefined,
  ) {
    this.#plugin = plugin;
    this.#session = session;
    this.#platform = target.platform;
    this.#target = { platform: `${target.platform} ${target.version}`, deviceKind: target.deviceKind };
    this.#cache = cache;
  }

  /** Compiles without blocking the event loop. @throws PjrtError */
  async compile(program: Program): Promise<Executable> {
    const options = this.#begin(program);
    const known = this.#known(program, options);
    if (known !== undefined) return known;
    const struct = this.#compileStruct(program.text, options);
    const call = this.#plugin.api.callAsync('ClientCompile', struct, `compiling ${program.name}`);
    this.#running.add(call);
    try {
      await call;
    } finally {
      this.#running.delete(call);
    }
    if (this.#session.closed) {
      this.#free(struct);
      this.#session.checkOpen();
    }
    return this.#made(program, options, struct);
  }

  /** Blocks this thread; the plugin's compiler cannot be interrupted, but what it made is there the next time. @throws PjrtError */
  compileSync(program: Program): Executable {
    const options = this.#begin(program);
    const known = this.#known(program, options);
    if (known !== undefined) return known;
    const struct = this.#compileStruct(program.text, options);
    this.#unclaimed.set(program.text, struct);
    try {
      this.#plugin.api.call('ClientCompile', struct, `compiling ${program.name}`);
    } catch (error) {
      this.#unclaimed.delete(program.text);
      throw error;
    }
    return this.#claim(program, options, struct);
  }

  /** Resolves when no other thread compiles any more. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /** Whether another thread compiles. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Frees what interrupted compilations have made. */
  close(): void {
    for (const struct of this.#unclaimed.values()) this.#free(struct);
    this.#unclaimed.clear();
  }

  #free(struct: Struct<'ClientCompile'>): void {
    const executable = struct.get('executable');
    if (executable === 0) return;
    this.#plugin.api.act('LoadedExecutableDestroy', executable, 'freeing a program');
  }

  /** Checks the program; gives the options that it is compiled with. */
  #begin(program: Program): Uint8Array {
    this.#session.checkOpen();
    checkProgram(program);
    readNoFlags(this.#plugin, () => {
      const struct = this.#compileStruct(NOTHING, compileOptions());
      this.#free(this.#plugin.api.call('ClientCompile', struct, 'starting the compiler'));
    });
    return compileOptions(flagsFor(this.#platform, process.env['XLA_FLAGS']));
  }

  #known(program: Program, options: Uint8Array): Executable | undefined {
    const struct = this.#unclaimed.get(program.text);
    if (struct !== undefined && struct.get('executable') !== 0) return this.#claim(program, options, struct);
    return this.#load(program, options);
  }

  #claim(program: Program, options: Uint8Array, struct: Struct<'ClientCompile'>): Executable {
    const loaded = struct.get('executable');
    const claimed = () => void this.#unclaimed.delete(program.text);
    const executable = new Executable(this.#session, loaded, program, claimed);
    claimed();
    return this.#keep(executable, loaded, options);
  }

  #made(program: Program, options: Uint8Array, struct: Struct<'ClientCompile'>): Executable {
    const loaded = struct.get('executable');
    return this.#keep(new Executable(this.#session, loaded, program), loaded, options);
  }

  #compileStruct(text: string, options: Uint8Array): Struct<'ClientCompile'> {
    const code = textBytes(text);
    const format = textBytes('mlir');
    const about = new Struct('Program')
      .set('code', code)
      .set('codeSize', code.bytes.length)
      .set('format', format)
      .set('formatSize', format.bytes.length);
    return new Struct('ClientCompile')
      .set('client', this.#session.client)
      .set('program', about)
      .set('options', new NativeMemory(options))
      .set('optionsSize', options.length);
  }

  /** Counts a new program and writes it to the disk. */
  #keep(executable: Executable, loaded: Pointer, options: Uint8Array): Executable {
    this.counts.compiled++;
    if (this.#cache !== undefined) {
      const bytes = this.#serialize(loaded);
      if (bytes !== undefined) this.#cache.write(this.#key(executable.program, options), bytes);
    }
    return executable;
  }

  #key({ text }: Program, options: Uint8Array): ProgramKey {
    // The options have XLA_FLAGS.
    return { text, options, plugin: pluginHash(this.#plugin.file), ...this.#target, cpu: cpuFeatures() };
  }

  #load(program: Program, options: Uint8Array): Executable | undefined {
    if (this.#cache === undefined) return undefined;
    const key = this.#key(program, options);
    const bytes = this.#cache.read(key);
    if (bytes === undefined) return undefined;
    const struct = new Struct('ExecutableDeserializeAndLoad')
      .set('client', this.#session.client)
      .set('bytes', new NativeMemory(bytes))
      .set('byteCount', bytes.length);
    try {
      this.#plugin.api.call('ExecutableDeserializeAndLoad', struct, `loading ${program.name}`);
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
    const { api } = this.#plugin;
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
}

import { join } from 'node:path';
import { koffi } from '../../../base/koffi.ts';
import { ProtoWriter } from '../../../base/protobuf/writer.ts';
import type { Pointer } from '../c-api/functions.ts';
import type { LoadedTensorflow } from '../loading.ts';
import { TensorflowError } from '../../errors.ts';

/**
 * TensorFlow's own profiler, the one behind `tf.profiler`. The C API has no function for it, but the library exports the
 * C++ class (tsl/profiler/lib/profiler_session.h) with the names below. They are looked up one by one; a version that
 * names them differently has no profiler here, and a profile then shows what our own binding measures.
 */
const symbols = {
  newOptions: ['_ZN10tensorflow14ProfileOptionsC1EPN6google8protobuf5ArenaE', 'void', 2],
  deleteOptions: ['_ZN10tensorflow14ProfileOptionsD1Ev', 'void', 1],
  create: ['_ZN3tsl15ProfilerSession6CreateERKN10tensorflow14ProfileOptionsE', 'int64_t', 2],
  collect: ['_ZN3tsl15ProfilerSession11CollectDataEPN10tensorflow8profiler6XSpaceE', 'int64_t', 3],
  deleteSession: ['_ZN3tsl15ProfilerSessionD1Ev', 'void', 1],
  newSpace: ['_ZN10tensorflow8profiler6XSpaceC1EPN6google8protobuf5ArenaE', 'void', 2],
  deleteSpace: ['_ZN10tensorflow8profiler6XSpaceD1Ev', 'void', 1],
  spaceSize: ['_ZNK10tensorflow8profiler6XSpace12ByteSizeLongEv', 'int64_t', 1],
} as const;

type Functions = Record<keyof typeof symbols, (...pointers: Pointer[]) => number> & {
  parse: (message: Pointer, bytes: Uint8Array, length: number) => boolean;
  serialize: (message: Pointer, bytes: Uint8Array, length: number) => boolean;
};

/** More than any of the three objects takes (they are smaller than 200 bytes). */
const OBJECT = 4096;

let found: Functions | null | undefined;

function profilerFunctions({ runtime }: LoadedTensorflow): Functions | null {
  if (found !== undefined) return found;
  try {
    const library = koffi().load(join(runtime.libraries, 'libtensorflow_framework.so.2'), {
      lazy: true,
      global: true,
    });
    const functions: Record<string, unknown> = {
      parse: library.func('_ZN6google8protobuf11MessageLite14ParseFromArrayEPKvi', 'bool', [
        'int64_t',
        'void *',
        'int',
      ]),
      serialize: library.func('_ZNK6google8protobuf11MessageLite16SerializeToArrayEPvi', 'bool', [
        'int64_t',
        'void *',
        'int',
      ]),
    };
    for (const [name, [symbol, result, count]] of Object.entries(symbols)) {
      functions[name] = library.func(
        symbol,
        result,
        Array.from({ length: count }, () => 'int64_t'),
      );
    }
    found = functions as Functions;
  } catch {
    found = null;
  }
  return found;
}

/** ProfileOptions (tsl/profiler/protobuf/profiler_options.proto): every op, and what GPUs do. */
function profileOptions(): Uint8Array {
  // host_tracer_level = 2: VERBOSE (3) shows cheap ops too. device_tracer_level = 3. version = 5.
  return new ProtoWriter().int(2, 3).int(3, 1).int(5, 1).finish();
}

/** A profile that TensorFlow records. There is one at a time in a process. */
export class ProfilerSession {
  readonly #functions: Functions;
  readonly #tensorflow: LoadedTensorflow;
  #session: Pointer;

  private constructor(tensorflow: LoadedTensorflow, functions: Functions) {
    this.#tensorflow = tensorflow;
    this.#functions = functions;
    const options = this.#object();
    functions.newOptions(options, 0);
    const bytes = profileOptions();
    functions.parse(options, bytes, bytes.length);
    // A std::unique_ptr is returned in memory of the caller.
    const slot = this.#object();
    functions.create(slot, options);
    this.#session = this.#word(slot);
    functions.deleteOptions(options);
    this.#free(slot);
    this.#free(options);
  }

  /** Begins to record; undefined where TensorFlow has no profiler that we know. */
  static start(tensorflow: LoadedTensorflow): ProfilerSession | undefined {
    const functions = profilerFunctions(tensorflow);
    return functions === null ? undefined : new ProfilerSession(tensorflow, functions);
  }

  /**
   * Ends recording.
   *
   * @returns an XSpace (tsl/profiler/protobuf/xplane.proto) as bytes.
   * @throws TensorflowError when nothing was recorded, because another profiler of this process runs.
   */
  stop(): Uint8Array {
    const functions = this.#functions;
    const space = this.#object();
    functions.newSpace(space, 0);
    const status = this.#object();
    functions.collect(status, this.#session, space);
    // An absl::Status that is one word; 1 says that all is well.
    const well = this.#word(status) === 1;
    const bytes = new Uint8Array(well ? functions.spaceSize(space) : 0);
    if (well) functions.serialize(space, bytes, bytes.length);
    functions.deleteSpace(space);
    functions.deleteSession(this.#session);
    for (const memory of [space, status, this.#session]) this.#free(memory);
    this.#session = 0;
    if (!well) {
      throw new TensorflowError(
        'UNAVAILABLE',
        'TensorFlow recorded no profile: another profiler runs in this process. End that one first',
      );
    }
    return bytes;
  }

  #object(): Pointer {
    const { api } = this.#tensorflow.context;
    const memory = api.malloc(OBJECT);
    api.copyIn(memory, new Uint8Array(OBJECT), OBJECT);
    return memory;
  }

  #word(at: Pointer): Pointer {
    const words = new BigUint64Array(1);
    this.#tensorflow.context.api.copyOut(words, at, 8);
    return Number(words[0]);
  }

  #free(memory: Pointer): void {
    this.#tensorflow.context.api.free(memory);
  }
}

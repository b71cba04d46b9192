import type { LibraryHandle } from 'koffi';
import { TensorflowError, asError, statusError } from '../../errors.ts';
import { koffi } from '../../../base/koffi.ts';
import { libraryFileProblem } from '../../library-file.ts';
import type { Pointer } from './functions.ts';
import { bindFunctions, type Async, type CApi } from './functions.ts';

/** Modes of dlopen in C: lazy binding, symbols for all libraries, and never unloaded. */
const RTLD_LAZY = 0x1;
const RTLD_GLOBAL = 0x100;
/**
 * koffi closes its libraries when Node tears down; TensorFlow's threads and destructors then run in unmapped code,
 * and the process ends with a segmentation fault. This keeps them mapped.
 */
const RTLD_NODELETE = 0x1000;
const FLAGS = RTLD_LAZY | RTLD_GLOBAL | RTLD_NODELETE;

interface Loader {
  dlopen: Async<(file: string, flags: number) => Pointer> & ((file: string, flags: number) => Pointer);
  dlerror: () => string | null;
}

let loader: Loader | undefined;

function systemLoader(): Loader {
  if (loader === undefined) {
    const process = koffi().load(null);
    loader = {
      dlopen: process.func('int64_t dlopen(const char *file, int flags)'),
      dlerror: process.func('const char *dlerror()'),
    };
  }
  return loader;
}

function notLoaded(file: string, why: string): TensorflowError {
  return new TensorflowError(
    'BAD_RUNTIME',
    `cannot load ${file}: ${why}. Install TensorFlow again with \`tensorcell runtime install\``,
  );
}

/** Maps a library into the process for good; the loader's reason when that is not possible. */
function mappingProblem(file: string): string | undefined {
  const { dlopen, dlerror } = systemLoader();
  return dlopen(file, FLAGS) === 0 ? (dlerror() ?? 'unknown reason') : undefined;
}

/** The same, with a reason that names the file. Blocks for as long as it takes. */
export function libraryProblem(file: string): string | undefined {
  const damage = libraryFileProblem(file);
  return damage === undefined ? mappingProblem(file) : `${file}: ${damage}`;
}

/** The same for a library of the runtime. @throws TensorflowError */
export function openLibrary(file: string): void {
  const problem = libraryFileProblem(file) ?? mappingProblem(file);
  if (problem !== undefined) throw notLoaded(file, problem);
}

/** The same on a background thread. */
export async function openLibraryAsync(file: string): Promise<void> {
  const damage = libraryFileProblem(file);
  if (damage !== undefined) throw notLoaded(file, damage);
  const { dlopen } = systemLoader();
  const handle = await new Promise<Pointer>((resolve, reject) => {
    dlopen.async(file, FLAGS, (error: unknown, value: Pointer) => {
      if (error) reject(asError(error));
      else resolve(value);
    });
  });
  // The reason is kept per thread, and that thread is not ours: asked again here, which fails at once.
  if (handle === 0) openLibrary(file);
}

/** The C API of libraries that are mapped already; the first that has a function gives it. */
export function resolveCApi(files: readonly string[]): CApi {
  const libraries: LibraryHandle[] = files.map((file) => koffi().load(file, { lazy: true, global: true }));
  return bindFunctions(koffi(), libraries);
}

const texts = new Map<string, Pointer>();

/**
 * A C string that lives as long as the process. TensorFlow keeps the pointer to an attribute's *name* after
 * TFE_OpSetAttr…, so names are never temporaries.
 */
export function cText(text: string): Pointer {
  let pointer = texts.get(text);
  if (pointer === undefined) {
    const bytes = Buffer.from(`${text}\0`);
    const memory: unknown = koffi().alloc('uint8_t', bytes.length);
    koffi().encode(memory, 'uint8_t', bytes, bytes.length);
    pointer = Number(koffi().address(memory));
    texts.set(text, pointer);
  }
  return pointer;
}

/** A TF_Status and what it says. */
export class Status {
  readonly pointer: Pointer;
  readonly #api: CApi;

  constructor(api: CApi) {
    this.#api = api;
    this.pointer = api.TF_NewStatus();
  }

  /** Throws what the last call said went wrong. */
  check(op?: string): void {
    const code = this.#api.TF_GetCode(this.pointer);
    if (code !== 0) this.fail(code, op);
  }

  clear(): void {
    this.#api.TF_SetStatus(this.pointer, 0, cText(''));
  }

  fail(code: number, op?: string): never {
    const message = this.#api.TF_Message(this.pointer);
    this.clear();
    throw statusError(code, message, op);
  }
}

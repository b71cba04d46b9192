import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { libraryFileProblem } from '../../library-file.ts';
import { koffi, largeStacks } from '../../../base/koffi.ts';
import { PjrtError } from '../errors.ts';
import { Api, copyBytes, NEEDED_FUNCTIONS, TABLE_OFFSET, type NamedValue } from './api.ts';
import { NativeMemory, Struct, type Pointer } from './structs.ts';

/** A version of the API or of StableHLO. */
export type Version = readonly number[];

/** A PJRT plugin in this process. It stays until the process ends. */
export interface Plugin {
  readonly file: string;
  readonly api: Api;
  /** Of the C API, `[0, 115]`. */
  readonly version: Version;
  /** The newest StableHLO that the plugin reads, such as `[1, 20, 0]`; undefined where it does not tell. */
  readonly stablehlo: Version | undefined;
  readonly attributes: ReadonlyMap<string, NamedValue>;
}

/** The oldest minor version of the API that this engine was tested with. Newer ones only append. */
const OLDEST_MINOR = 106;

/** StableHLO's text has no promise of compatibility; the forms that the engine writes are those of this version. */
const OLDEST_STABLEHLO: Version = [1, 16];

const REINSTALL = 'Install it again, or choose another build with `%device use cpu`';

/** Lazy binding; symbols stay inside (TensorFlow's are the same names); never unloaded, since its threads run on. */
const RTLD_LAZY = 0x1;
const RTLD_NODELETE = 0x1000;

function bad(file: string, why: string): PjrtError {
  return new PjrtError('BAD_PLUGIN', `cannot use the PJRT plugin ${file}: ${why}. ${REINSTALL}`);
}

/**
 * Checks the first bytes of a PJRT_Api: struct_size, extension, and PJRT_Api_Version with its size,
 * extension, major and minor version.
 *
 * @param head at least 40 bytes @returns the problem, for a message
 */
export function apiProblem(head: Uint8Array): string | undefined {
  const memory = new NativeMemory(head);
  const size = memory.word(0);
  const major = memory.view.getInt32(32, true);
  const minor = memory.view.getInt32(36, true);
  if (major !== 0) {
    return `it has version ${major}.${minor} of the PJRT API, and this Tensorcell knows version 0`;
  }
  if (minor < OLDEST_MINOR) {
    return `it has version 0.${minor} of the PJRT API, and 0.${OLDEST_MINOR} is the oldest that works`;
  }
  const needed = TABLE_OFFSET + NEEDED_FUNCTIONS * 8;
  if (size < needed) return `its function table has ${size} bytes, and ${needed} are needed`;
  return undefined;
}

/** The same for the StableHLO version of its attributes. */
export function stablehloProblem(version: Version | undefined): string | undefined {
  if (version === undefined) return undefined;
  const [major = 0, minor = 0] = version;
  const [oldMajor = 0, oldMinor = 0] = OLDEST_STABLEHLO;
  if (major === oldMajor && minor >= oldMinor) return undefined;
  return `it reads StableHLO ${version.join('.')}, and programs are written in ${OLDEST_STABLEHLO.join('.')}`;
}

const plugins = new Map<string, Plugin>();

function openTable(file: string): Pointer {
  const system = koffi().load(null);
  const dlopen = system.func('int64_t dlopen(const char *file, int flags)') as unknown as (
    file: string,
    flags: number,
  ) => Pointer;
  const dlerror = system.func('const char *dlerror()') as unknown as () => string | null;
  if (dlopen(file, RTLD_LAZY | RTLD_NODELETE) === 0)
    throw bad(file, dlerror() ?? 'the loader gives no reason');
  let getApi: () => unknown;
  try {
    getApi = koffi().load(file, { lazy: true }).func('GetPjrtApi', 'int64_t', []);
  } catch {
    throw bad(file, 'it has no function GetPjrtApi, so it is not a PJRT plugin');
  }
  return Number(getApi());
}

/** Sets variables of the environment during an action; undefined removes one. */
function withEnvironment<T>(variables: Readonly<Record<string, string | undefined>>, action: () => T): T {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    return action();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

/**
 * Runs an action in which a plugin reads how much it may log. It logs each error that it also returns, and for each
 * program from the cache an error about CPU features that are hints to its compiler.
 */
function quietly<T>(action: () => T): T {
  return withEnvironment({ TF_CPP_MIN_LOG_LEVEL: process.env['TF_CPP_MIN_LOG_LEVEL'] ?? '3' }, action);
}

const withReadFlags = new WeakSet<Plugin>();

/**
 * Runs the first compilation of a plugin, in which it reads XLA_FLAGS: it ends the process at a word that it does not
 * know. So it reads none, and gets them with each program, where an unknown one is an error (`compileOptions`).
 *
 * @param compile compiles any program
 */
export function readNoFlags(plugin: Plugin, compile: () => void): void {
  if (withReadFlags.has(plugin)) return;
  if (process.env['XLA_FLAGS'] !== undefined) withEnvironment({ XLA_FLAGS: undefined }, compile);
  withReadFlags.add(plugin);
}

/**
 * Loads a plugin, initializes it, and reads its attributes; a second call gives the same plugin.
 *
 * @throws PjrtError with the code BAD_PLUGIN when the file is missing, damaged, no plugin, or of an unknown version
 */
export function loadPlugin(file: string): Plugin {
  const known = plugins.get(file);
  if (known !== undefined) return known;
  if (!existsSync(file)) throw bad(file, 'the file does not exist');
  const damage = libraryFileProblem(file);
  if (damage !== undefined) throw bad(file, damage);
  if (!largeStacks()) {
    throw new PjrtError(
      'BAD_PLUGIN',
      `cannot use the PJRT plugin ${file}: a cell has loaded a library with koffi before, and XLA needs larger stacks than koffi allows from then on. Restart the kernel, and run a cell with tf first`,
    );
  }
  const table = quietly(() => openTable(file));
  const head = copyBytes(table, TABLE_OFFSET);
  const problem = apiProblem(head);
  if (problem !== undefined) throw bad(file, problem);
  const version = new DataView(head.buffer);
  const api = new Api(table);
  quietly(() => api.call('PluginInitialize', new Struct('PluginInitialize'), 'initializing the PJRT plugin'));
  const found = api.call('PluginAttributes', new Struct('PluginAttributes'), 'reading the attributes');
  const attributes = api.namedValues(found.get('attributes'), found.get('count'));
  const current = attributes.get('stablehlo_current_version');
  const stablehlo = Array.isArray(current) ? current : undefined;
  const unreadable = stablehloProblem(stablehlo);
  if (unreadable !== undefined) throw bad(file, unreadable);
  const plugin: Plugin = {
    file,
    api,
    version: [version.getInt32(32, true), version.getInt32(36, true)],
    stablehlo,
    attributes,
  };
  plugins.set(file, plugin);
  return plugin;
}

const hashes = new Map<string, string>();

/** SHA-256 of a plugin's file (0.3 s for 200 MB), for the key of compiled programs. */
export function pluginHash(file: string): string {
  let hash = hashes.get(file);
  if (hash === undefined) {
    hash = createHash('sha256').update(readFileSync(file)).digest('hex');
    hashes.set(file, hash);
  }
  return hash;
}

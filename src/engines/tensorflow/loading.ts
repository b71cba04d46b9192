import { Binding } from './binding.ts';
import { contextDevices, newContext, newContextAsync, type Context } from './c-api/context.ts';
import { parseContextOptions, type ContextOptions } from './c-api/context-options.ts';
import type { CApi } from './c-api/functions.ts';
import { cText, openLibrary, openLibraryAsync, resolveCApi, Status } from './c-api/library.ts';
import { configuredVariables } from '../../machine/devices/settings.ts';
import { asError, nameTensorflow, TensorflowError } from '../errors.ts';
import { libraryDamage } from '../../machine/runtimes/store.ts';
import { missingDevice, runtimeDeviceProblem, type MissingDevice } from './missing-device.ts';
import { chooseRuntime, runtimeId, type RuntimeChoice, type TensorflowRuntime } from './runtime-choice.ts';
import { runtimeLibraries, type RuntimeLibraries } from './runtime-libraries.ts';

/** TensorFlow in this process, once it is there. */
export interface LoadedTensorflow {
  readonly runtime: TensorflowRuntime;
  readonly context: Context;
  readonly binding: Binding;
  /** Set where the runtime is for a GPU and none came up. */
  readonly missing: MissingDevice | undefined;
}

let choice: RuntimeChoice | undefined;
let options: ContextOptions | undefined;
let loaded: LoadedTensorflow | undefined;
let failure: unknown;

let configured = false;

/** The user's config file fills in what the environment leaves open. TensorFlow reads some of it by itself. */
function applyConfigFile(): void {
  if (configured) return;
  configured = true;
  try {
    Object.assign(process.env, configuredVariables(process.env));
  } catch (error) {
    console.warn(`the config file is not used: ${asError(error).message}`);
  }
}

/** The runtime that is, or will be, used. Asked once: what is installed later counts after a restart. */
export function runtimeChoice(): RuntimeChoice {
  applyConfigFile();
  choice ??= chooseRuntime(process.env, runtimeDeviceProblem);
  return choice;
}

/** Options of the context, from `TENSORCELL_CONTEXT`. */
export function contextOptions(): ContextOptions {
  applyConfigFile();
  options ??= parseContextOptions(process.env['TENSORCELL_CONTEXT']);
  return options;
}

export function loadedTensorflow(): LoadedTensorflow | undefined {
  return loaded;
}

/** Why TensorFlow could not be loaded although a runtime is there. */
export function loadingFailure(): unknown {
  return failure;
}

/** TensorFlow's GPU:1 is the driver's GPU 1, and so our cuda:1: CUDA's own order puts the fastest first. */
function orderDevices(): void {
  process.env['CUDA_DEVICE_ORDER'] ??= 'PCI_BUS_ID';
}

/** TensorFlow logs a line per instruction set and library; what a user can act on are warnings and errors. */
function quietLog(): void {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
}

/** The files of a TensorFlow build to map. @throws TensorflowError when it was removed meanwhile, or a library of it is damaged */
function librariesOf(runtime: TensorflowRuntime): RuntimeLibraries {
  const damage = libraryDamage(runtime.path);
  if (damage !== undefined) {
    throw new TensorflowError(
      'BAD_RUNTIME',
      `the TensorFlow build ${runtimeId(runtime)} is damaged: ${damage}. Install it again with \`tensorcell runtime install ${runtime.name}\``,
    );
  }
  const libraries = runtimeLibraries(runtime.libraries);
  if (libraries !== undefined) return libraries;
  throw new TensorflowError(
    'BAD_RUNTIME',
    `the libraries in ${runtime.libraries} no longer exist. Install TensorFlow again with \`tensorcell runtime install\``,
  );
}

/**
 * Loads the plugins that bring a kind of device; has to come before the context. One that does not load leaves the
 * CPU to compute on, so it is no error: its reason is kept.
 */
function loadPlugins(api: CApi, plugins: readonly string[]): string | undefined {
  const status = new Status(api);
  try {
    for (const file of plugins) {
      api.TF_LoadPluggableDeviceLibrary(cText(file), status.pointer);
      status.check();
    }
    return undefined;
  } catch (error) {
    return asError(error).message;
  } finally {
    api.TF_DeleteStatus(status.pointer);
  }
}

function finish(
  runtime: TensorflowRuntime,
  context: Context,
  pluginProblem: string | undefined,
): LoadedTensorflow {
  nameTensorflow(`TensorFlow ${context.api.TF_Version()} (build ${runtimeId(runtime)})`);
  loaded ??= {
    runtime,
    context,
    binding: new Binding(context),
    missing: missingDevice(runtime, contextDevices(context), pluginProblem),
  };
  return loaded;
}

/**
 * Loads TensorFlow if that was not done yet, blocking (0.3 to 4 s when nothing was preloaded).
 *
 * @returns undefined when no runtime is installed.
 * @throws TensorflowError when there is one which cannot be loaded; the same error each time.
 */
export function loadTensorflow(): LoadedTensorflow | undefined {
  if (loaded !== undefined) return loaded;
  if (failure !== undefined) throw failure;
  try {
    const { runtime } = runtimeChoice();
    if (runtime === undefined) return undefined;
    quietLog();
    orderDevices();
    const { load, api: files, plugins } = librariesOf(runtime);
    for (const file of load) openLibrary(file);
    const api = resolveCApi(files);
    const problem = loadPlugins(api, plugins);
    return finish(runtime, newContext(api, contextOptions()), problem);
  } catch (error) {
    failure = error;
    throw error;
  }
}

/**
 * The same on other threads: this one is not blocked for more than a few milliseconds. `loadTensorflow` may be called
 * meanwhile; it then waits for the library, and one of the two contexts is not used.
 */
export async function loadTensorflowAsync(): Promise<LoadedTensorflow | undefined> {
  if (loaded !== undefined) return loaded;
  const { runtime } = runtimeChoice();
  if (runtime === undefined) return undefined;
  quietLog();
  orderDevices();
  const { load, api: files, plugins } = librariesOf(runtime);
  for (const file of load) await openLibraryAsync(file);
  if (loaded !== undefined) return loaded;
  const api = resolveCApi(files);
  // Mapped on another thread; what is left of loading it is little. A failure shows there.
  for (const file of plugins) await openLibraryAsync(file).catch(() => undefined);
  const problem = loadPlugins(api, plugins);
  return finish(runtime, await newContextAsync(api, contextOptions()), problem);
}

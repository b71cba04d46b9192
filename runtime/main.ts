/** Entry of the runtime process: wires its parts. Everything that the first cell may not need is loaded later. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { installNotebookHost } from '../src/base/host.ts';
import { awaitIn } from './cell-context.ts';
import type { MissingCache } from '../kernel/processes/code-cache.ts';
import {
  SHARED_BYTES,
  Shared,
  type ControlData,
  type ControlToMain,
} from '../kernel/channel/control-link.ts';
import { endProcessTree } from '../kernel/channel/descendants.ts';
import { FrameWriter } from '../kernel/channel/frame-writer.ts';
import { defineGlobals, settleGlobals } from './globals.ts';
import { InputRequests } from './input.ts';
import { KernelChannel } from './kernel-channel.ts';
import { LazyLibrary } from './lazy-library.ts';
import { prepareHooks } from './async-hooks.ts';
import { quietly } from '../src/base/quietly.ts';
import { readUserConfig } from '../kernel/tsconfig/index.ts';
import { loweringOptions } from '../kernel/tsconfig/lowering.ts';
import type * as Library from './library.ts';
import type * as Compile from '../kernel/language/compile/index.ts';
import { describeHolders } from './modules/holders.ts';
import { compileApart } from './modules/heavy-files.ts';
import { Modules, notebookPath } from './modules/index.ts';
import type { Namespace } from './modules/namespace.ts';
import { createNativeFlush } from './native-output.ts';
import { createNotebookHost } from './notebook-host.ts';
import { installOutput } from './output.ts';
import { isHandledByUser, listenAlways } from './process-events.ts';
import { Runtime } from './runtime.ts';
import { Settling } from './settling.ts';
import { installStackTraces } from './stack.ts';
import { CellInput } from './standard-input.ts';
import { refuseStandardInput } from './standard-input-files.ts';
import { createTracker } from './tracking.ts';
import { storeCache, storeOnce } from '../kernel/processes/store-cache.ts';
import { isHeavyFile } from '../kernel/limits/weight.ts';

/** Of `runBundle`. */
declare const missingCache: MissingCache | undefined;

const requireBundle = createRequire(import.meta.url);

/** The kernel process, which loads at the same time, has its first requests behind it. */
const CONTROL_AFTER_MS = 100;
/** The first cells have run by then. */
const STORE_CODE_AFTER_MS = 10_000;
const OUTPUT_FD = 3;
const MAIN_FD = 4;

// An interrupt comes through the control thread; a SIGINT to the process group must not end the process.
listenAlways('SIGINT', () => {});

const controlFile = process.argv[2] ?? '';
const packageRoot = findPackageRoot(dirname(fileURLToPath(import.meta.url)));
// As in a program that Node runs: the second argument is the file.
process.argv.splice(1, Infinity, notebookPath(process.cwd()));

const shared = new SharedArrayBuffer(SHARED_BYTES);
const state = new Int32Array(shared);
const { port1, port2 } = new MessageChannel();
port1.unref();
const data: ControlData = { shared, answers: port2 };
let control: Worker | undefined;
/** Before the first cell runs: while the process loads, the thread would only take the time of another one. */
function startControl(): void {
  if (control) return;
  control = new Worker(controlFile, {
    workerData: data,
    transferList: [port2],
    stdin: false,
    // The control thread must not share the fate of a heap that user code has filled.
    resourceLimits: { maxOldGenerationSizeMb: 64 },
    execArgv: [],
  });
  control.on('message', (message: ControlToMain) => {
    if (message.type === 'interrupt') runtime.interrupts.interrupt();
    else if (message.type === 'terminated') runtime.interrupts.recover(message.count, message.final);
    else {
      storeCode();
      process.exit(0);
    }
  });
  control.on('error', (error) => runtime.lateError(error, undefined));
}

// A write fails when the kernel process is gone: there is no process left that shows output.
const channel = new KernelChannel(new FrameWriter(OUTPUT_FD, endProcessTree));
const runtime = new Runtime();
const tracker = createTracker();
/** The control thread waits until it is over. */
function critical<T>(action: () => T): T {
  Atomics.add(state, Shared.critical, 1);
  try {
    return action();
  } finally {
    Atomics.sub(state, Shared.critical, 1);
  }
}
/**
 * One of our bundles, loaded at once: `import()` waits for the event loop, which a chain of microtasks that a cell left
 * behind never lets come, and an interrupt of that chain would leave the bundle half loaded.
 */
function loadBundle(name: string): unknown {
  // Node 20 and 22 warn that `require` of an ES module is experimental; it works the same in all that `engines` allows.
  return critical(() => quietly(/\brequire\(\)/u, (): unknown => requireBundle(name)));
}
const storeCode = storeOnce(
  missingCache,
  () => runtime.owner() !== undefined,
  (cache) => critical(() => storeCache(cache, () => undefined)),
);
setTimeout(storeCode, STORE_CODE_AFTER_MS).unref();
const nativeFlush = createNativeFlush(critical);
const hooks = prepareHooks(state);

const owner = () => runtime.owner();
const input = new InputRequests((message) => channel.send(message), shared, port1);
const notebookHost = createNotebookHost({
  names: runtime.names,
  send: (message) => channel.send(message),
  tracker,
  owner,
  find: (id) => runtime.find(id),
  input,
  request: (execution, service, argument) => runtime.requests.service(execution, service, argument),
  interruptPending: () => Atomics.load(state, Shared.interrupted) === 1,
  holdsChanged: () => runtime.interrupts.holdsChanged(),
});
const library = new LazyLibrary(
  () => loadBundle('./library.js') as typeof Library,
  (loaded) => {
    loaded.answerQuestions();
    settleGlobals(loaded);
    runtime.libraryLoaded();
  },
);
const modules = new Modules({
  directory: () => process.cwd(),
  home: join(packageRoot, 'package.json'),
  loadCompiler: () => {
    const { compileModule } = loadBundle('./compile.js') as typeof Compile;
    return (source, path, now) => {
      const options = { ...loweringOptions(readUserConfig(process.cwd())), now };
      return isHeavyFile(source)
        ? compileApart(fileURLToPath(new URL('compiler-process.js', import.meta.url)), {
            source,
            path,
            options,
          })
        : compileModule(source, path, options);
    };
  },
  config: () => readUserConfig(process.cwd()),
  guard: (promise) => {
    const execution = owner();
    return execution ? (awaitIn(execution, promise) as typeof promise) : promise;
  },
  own: {
    tensorcell: () => library.required.tensorcell,
    tf: tfNamespace,
    tslab: () => library.required.tslab,
  },
  onReplaced: (path, old) => {
    // When the cell has ended its own imports are the new ones.
    const tell = (): void => {
      const note = describeHolders(path, old, runtime.names);
      if (note) process.stderr.write(`${note}\n`);
    };
    const execution = owner();
    if (execution && !execution.ended) execution.endListeners.push(tell);
    else tell();
  },
});
runtime.connect({
  channel,
  tracker,
  settling: new Settling({
    tracker,
    nativeWork: () => library.loaded?.isComputing() ?? false,
    environment: process.env,
  }),
  modules,
  input,
  notebookHost,
  state,
  library,
  flushNative: nativeFlush,
  restoreHooks: () => hooks.restore(),
  saveEngine: () => library.loaded?.saveEngineState(),
  restoreEngine: (saved) => {
    if (saved !== undefined) library.loaded?.restoreEngineState(saved as Library.EngineState);
  },
});

installOutput({
  emit: (name, text) => channel.stream(name, owner()?.id ?? 0, text),
  showTable: (data, columns) => {
    const table = library.loaded?.consoleTable(data, columns);
    if (table) notebookHost.display({ data: table, metadata: {} });
    return table !== undefined;
  },
  clear: () => notebookHost.clearOutput(false),
  isAttended: () => owner()?.allowStdin ?? true,
});
Object.defineProperty(process, 'stdin', {
  value: new CellInput(input, owner),
  configurable: true,
  enumerable: true,
});
refuseStandardInput();
installStackTraces(new URL('.', import.meta.url).href);
installNotebookHost(notebookHost);
defineGlobals(modules, library, tfNamespace);

listenAlways('uncaughtException', (error: unknown) => {
  const execution = tracker.takeThrower();
  if (!isHandledByUser('uncaughtException')) runtime.lateError(error, execution);
});
listenAlways('unhandledRejection', (reason: unknown, promise: object) => {
  if (hooks.missesRejections) return;
  if (!isHandledByUser('unhandledRejection')) runtime.lateError(reason, tracker.ofPromise(promise));
});
listenAlways('exit', (code: number) => {
  try {
    channel.internal({ type: 'exiting', code });
  } catch {
    // The kernel process has gone first.
  }
});

// `onread` hands over bytes without the machinery of streams, whose state a termination could leave half changed.
// (Node's constructor takes it like `net.connect` does; its types have it only there.)
const inbox = new Socket({
  fd: MAIN_FD,
  readable: true,
  writable: false,
  onread: {
    buffer: Buffer.allocUnsafe(64 * 1024),
    callback: (size: number, buffer: Uint8Array) => {
      startControl();
      channel.take(Buffer.from(buffer.subarray(0, size)));
      runtime.drain();
      return true;
    },
  },
} as SocketConstructorOpts);
// The kernel process is gone. The control thread ends this one with its children; this is for the case that it cannot.
inbox.on('close', () => void setTimeout(endProcessTree, 500));
inbox.on('error', () => {});

channel.send({ type: 'ready', pid: process.pid, node: process.version });
setTimeout(startControl, CONTROL_AFTER_MS).unref();
runtime.loadLibraryWhenIdle();

/** `tf`, which is its own namespace: `import * as tf` and `import tf` mean the object that is global. */
function tfNamespace(): Namespace {
  const { loadTf, saveEngineState, tfIsReady } = library.required;
  const first = !tfIsReady();
  const tf = critical(loadTf) as unknown as Namespace;
  // Tensors that the loading cell makes belong to it.
  if (first) saveEngineState();
  if (!Object.hasOwn(tf, 'default') && Object.isExtensible(tf)) {
    Object.defineProperty(tf, 'default', {
      value: tf,
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }
  return tf;
}

function findPackageRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json')) || dirname(at) === at) return at;
  }
}

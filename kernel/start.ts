/**
 * Wires everything. Only what a front end waits for is loaded at the start; the compiler, the magics and the language
 * service come later (late-parts.ts).
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { OutputSink, RuntimeHost } from './contracts/runtime-host.ts';
import type { MissingCache } from './processes/code-cache.ts';
import { createLateParts } from './late-parts.ts';
import { debug, log } from './log.ts';
import { kernelInfo } from './session/kernel-info.ts';
import { watchParent } from './session/parent-watch.ts';
import { Session } from './session/session.ts';
import { formatConnectionFile, parseConnectionFile } from './transport/connection-file.ts';
import { createCodec } from './wire/codec.ts';
import { createSigner } from './wire/signature.ts';
import { storeCache, storeOnce } from './processes/store-cache.ts';
import { writeWhole } from '../src/base/files/index.ts';
import { historyPath } from '../src/base/home.ts';
import { reserveDescriptors } from '../src/base/spare-descriptors.ts';
import { userName } from '../src/base/user-name.ts';
import pkg from '../package.json' with { type: 'json' };

/** Time in which a front end may still take what was said last. */
const LINGER_MS = 300;
/** The first cells have run by then, with which the code of the kernel that they need was compiled. */
const STORE_CODE_AFTER_MS = 10_000;
/** After this the process ends, whatever is in the way. */
const EXIT_DEADLINE_MS = 1500;

/** Handlers of signals; the process begins with a version that does next to nothing. */
export interface Signals {
  /** The process that started us, read before anything else. */
  readonly parent: number;
  interrupt: () => void;
  terminate: () => void;
}

/** The runtime process, which was started before anything else was loaded: its start takes longest. */
export interface StartedRuntime {
  runtimeHost: RuntimeHost;
  /** Output before this call is dropped. */
  connectSink: (sink: OutputSink) => void;
  /** To be written when cells have run. */
  missingCache: MissingCache | undefined;
}

/** Starts the kernel. Rejects when it cannot: the message says what to do. */
export async function start(
  args: readonly string[],
  signals: Signals,
  { runtimeHost, connectSink, missingCache }: StartedRuntime,
): Promise<void> {
  const directory = process.cwd();
  const path = connectionFileArgument(args);
  const connection = parseConnectionFile(readFileSync(path, 'utf8'));
  const signer = createSigner(connection.signatureScheme, connection.key);

  const { openTransport } = await import('./transport/transport.ts');
  const transport = await openTransport(connection, log);
  // Modules that could not be loaded once can never be loaded in this process: without a reserve it would lack parts for ever.
  if (!reserveDescriptors()) throw new Error('EMFILE: too many open files');
  const chosen = connection.kind === 'registration' || Object.values(connection.ports).includes(0);
  const written = connection.kind === 'registration' ? ownConnectionFile(path, connection.kernelId) : path;
  if (chosen) {
    // Renamed into place: a process that waits for the ports never reads half a file.
    writeWhole(written, formatConnectionFile(connection, transport.ports), {
      mode: 0o600,
      durable: false,
    });
  }

  const parts = createLateParts(directory, () => session);
  const session: Session = new Session({
    codec: createCodec({ signer, session: randomUUID(), username: userName() }),
    transport,
    log,
    info: kernelInfo({
      tensorcell: pkg.version,
      typescript: typescriptVersion(),
      node: process.versions.node,
    }),
    directory,
    environment: process.env,
    historyPath: historyPath(),
    waitForTypes: process.env['TENSORCELL_HEADLESS'] === '1',
    createRuntimeHost(output) {
      connectSink(output);
      return runtimeHost;
    },
    ...parts,
    exit: () => void end(0),
  });

  const storeCode = storeOnce(
    missingCache,
    () => session.hasRun,
    (cache) => storeCache(cache, debug),
  );
  setTimeout(storeCode, STORE_CODE_AFTER_MS).unref();
  let ending = false;
  const end = async (code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(code), EXIT_DEADLINE_MS).unref();
    await session.dispose();
    await transport.close(LINGER_MS);
    storeCode();
    if (connection.kind === 'registration') rmSync(written, { force: true });
    process.exit(code);
  };
  signals.interrupt = () => void session.interrupt();
  signals.terminate = () => void end(0);
  watchParent(signals.parent, process.env, () => {
    log('the process that started this kernel has ended: shutting down');
    void end(0);
  });

  session.start();
  if (connection.kind === 'registration') {
    const { register } = await import('./transport/registration.ts');
    try {
      await register(connection, transport.ports, signer);
    } catch (error) {
      // No front end knows of this kernel, and it ends: its connection file would lead nowhere.
      rmSync(written, { force: true });
      throw error;
    }
  }
}

function typescriptVersion(): string {
  const { version } = createRequire(import.meta.url)('typescript/package.json') as { version: string };
  return version;
}

/** `--connection-file PATH`, `-f PATH`, or the first argument that is no option. Throws when there is none. */
function connectionFileArgument(args: readonly string[]): string {
  for (const [at, arg] of args.entries()) {
    const value = /^--connection-file=(.+)$/.exec(arg)?.[1];
    if (value !== undefined) return value;
    if (arg === '--connection-file' || arg === '-f') {
      const next = args[at + 1];
      if (next !== undefined) return next;
    } else if (!arg.startsWith('-')) {
      return arg;
    }
  }
  throw new Error('no connection file: start the kernel with --connection-file PATH (Jupyter does)');
}

/** In the folder of the registration file, so that other front ends find this kernel too. */
function ownConnectionFile(registrationFile: string, kernelId: string): string {
  const name = kernelId.replaceAll(/[^\w-]/g, '') || String(process.pid);
  const path = join(dirname(registrationFile), `kernel-${name}.json`);
  return basename(path) === basename(registrationFile) ? `${path}.connection` : path;
}

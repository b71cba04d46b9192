/**
 * The kernel process: `node dist/kernel.cjs --connection-file PATH` runs it. This file is small, so that signals are
 * handled before anything else is loaded: Jupyter and terminals send SIGINT to the whole group, and it must never end us.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireDescriptors, reserveDescriptors } from '../src/base/spare-descriptors.ts';
import type { MissingCache } from './processes/code-cache.ts';
import type { OutputSink } from './contracts/runtime-host.ts';
import { debug, log } from './log.ts';
import type { Signals } from './start.ts';

/** Of `runBundle`. */
declare const missingCache: MissingCache | undefined;

const signals: Signals = {
  parent: process.ppid,
  interrupt: () => undefined,
  terminate: () => process.exit(0),
};
process.on('SIGINT', () => signals.interrupt());
process.on('SIGTERM', () => signals.terminate());
process.on('SIGHUP', () => signals.terminate());

const words = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

// A defect of the kernel must not end the session: the user's variables are in the other process.
process.on('uncaughtException', (error) => log(`internal error: ${words(error)}`));
process.on('unhandledRejection', (error) => log(`internal error: ${words(error)}`));

/**
 * An idle kernel with one front end has 88 open, its reserve included and some 20 of Node's own; Python and a heavy cell take 12 more,
 * each other front end 5. libzmq ends a process that has too few for its sockets.
 */
const NEEDED_DESCRIPTORS = 108;

async function main(): Promise<void> {
  requireDescriptors(NEEDED_DESCRIPTORS);
  // Before anything is opened: a process that starts can load its parts later, whatever programs use meanwhile.
  reserveDescriptors();
  // The runtime process first: it needs longest, and starts in parallel with the rest.
  const { createRuntimeHost } = await import('./runtime-host/index.ts');
  const here = dirname(fileURLToPath(import.meta.url));
  let sink: OutputSink | undefined;
  const runtimeHost = createRuntimeHost({
    runtimeFile: join(here, 'runtime.cjs'),
    controlFile: join(here, 'control.cjs'),
    directory: process.cwd(),
    environment: process.env,
    sink: { output: (message) => sink?.output(message) },
    log: debug,
  });
  runtimeHost.start();
  const { start } = await import('./start.ts');
  await start(process.argv.slice(2), signals, {
    runtimeHost,
    connectSink: (output) => (sink = output),
    missingCache,
  });
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  const lacks = /EMFILE|too many open file/i.test(message);
  log(
    lacks ? `${message}: the limit of open files is too low for a kernel; raise it (ulimit -n 256)` : message,
  );
  process.exit(1);
});

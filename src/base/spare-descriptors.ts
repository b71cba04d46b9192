/**
 * File descriptors held in reserve for the loading of modules. Node keeps the failure of an `import()` for the life of the process:
 * a module whose file could not be opened once, because a program had used all descriptors up, could never be loaded again.
 */
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { processWide } from './process-wide.ts';
import { errorCode } from './error-code.ts';

/** Modules of one part of the library are read at the same time, a process that starts takes several, and clients that connect meanwhile take 5. */
const COUNT = 32;

interface Reserve {
  readonly spare: number[];
  loading: number;
  last: Promise<unknown>;
}

const reserve = processWide('spare-descriptors', (): Reserve => ({
  spare: [],
  loading: 0,
  last: Promise.resolve(),
}));
const { spare } = reserve;

/** Takes descriptors for later. False when the process has no more: then it has fewer, or none. */
export function reserveDescriptors(): boolean {
  if (reserve.loading > 0) return true;
  try {
    while (spare.length < COUNT) spare.push(openSync('/dev/null', 'r'));
  } catch {
    // Without any left the next load takes what there is.
    if (spare.length < COUNT / 2) releaseDescriptors();
  }
  return spare.length === COUNT;
}

function releaseDescriptors(): void {
  for (const descriptor of spare.splice(0)) closeSync(descriptor);
}

/** Loads modules with the descriptors of the reserve. */
export async function withSpareDescriptors<T>(load: () => Promise<T>): Promise<T> {
  reserve.loading++;
  releaseDescriptors();
  try {
    return await load();
  } finally {
    reserve.loading--;
    reserveDescriptors();
  }
}

/** An `import()` with the descriptors of the reserve, one at a time: those of several parts together are more than it holds. */
export function importInTurn<T>(load: () => Promise<T>): Promise<T> {
  const loaded = reserve.last.then(() => withSpareDescriptors(load));
  reserve.last = loaded.catch(() => undefined);
  return loaded;
}

/** Starts a process with the descriptors of the reserve: it takes several at once, for a moment or as long as it runs. */
export function withSpareDescriptorsNow<T>(start: () => T): T {
  releaseDescriptors();
  try {
    return start();
  } finally {
    if (reserve.loading === 0) reserveDescriptors();
  }
}

/**
 * Tries whether the process can open `count` descriptors more; what opens them later may abort where it cannot (libzmq does).
 *
 * @throws Error naming the limit and the remedy.
 */
export function requireDescriptors(count: number): void {
  const opened: number[] = [];
  let failure: unknown;
  try {
    while (opened.length < count) opened.push(openSync('/dev/null', 'r'));
  } catch (error) {
    failure = error;
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
  if (failure === undefined) return;
  const code = errorCode(failure);
  if (code !== 'EMFILE') {
    throw new Error(
      `only ${opened.length} more files can be opened on this machine (${code}), and a kernel needs ${count}: end programs that hold many files`,
      { cause: failure },
    );
  }
  const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  const used = readdirSync('/proc/self/fd').length - 1;
  throw new Error(
    `the limit of open files is ${limit}, of which ${used} are in use, and a kernel needs ${count} more: raise it (ulimit -n 1024) and start the kernel again`,
    { cause: failure },
  );
}

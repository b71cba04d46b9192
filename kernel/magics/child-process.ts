import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import { pipeOf, startProcess } from '../processes/start-process.ts';
import type { MagicContext } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';

export interface ChildEnd {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The parts of a magic's context that a process needs. */
export interface ProcessContext extends Pick<MagicContext, 'output' | 'signal'> {
  session: Pick<MagicContext['session'], 'directory' | 'environment'>;
}

/** Groups that still run, so that none outlives the kernel. */
const running = new Set<number>();
let watchingExit = false;

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The whole group is gone already.
  }
}

function endGroupsWithKernel(): void {
  for (const pid of running) signalGroup(pid, 'SIGKILL');
}

/** Passes text on as it comes; waits for the sink, so that a command faster than the front end is slowed by its pipe. */
async function pump(stream: Socket, sink: (text: string) => void | Promise<void>): Promise<void> {
  stream.setEncoding('utf8');
  try {
    for await (const text of stream) await sink(text as string);
  } catch {
    // Destroyed below: nothing more will come.
  }
}

const after = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });

/**
 * Runs a program in its own process group with the session's folder and environment, and streams what it prints into
 * the cell. When the cell is interrupted the group gets SIGINT, after a second SIGTERM, then SIGKILL.
 *
 * Background children that keep the pipes open (`server &`) do not hold the cell up; what they print later still
 * arrives.
 *
 * @throws {MagicError} `not-found` when the program does not exist, `interrupted` when the cell was interrupted.
 */
export async function runProcess(
  program: string,
  programArguments: readonly string[],
  { output, session, signal }: ProcessContext,
  options: { input?: string } = {},
): Promise<ChildEnd> {
  if (!watchingExit) {
    watchingExit = true;
    process.once('exit', endGroupsWithKernel);
  }
  const child: ChildProcess = started(program, programArguments, {
    cwd: session.directory,
    env: { ...session.environment },
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<ChildEnd>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const what =
        error.code === 'ENOENT'
          ? `${program} was not found (or the folder ${session.directory} no longer exists): install it, or set PATH with %env`
          : `${program} could not be started: ${error.message}`;
      reject(new MagicError('not-found', what, { cause: error }));
    });
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const { pid } = child;
  const [stdout, stderr] = [pipeOf(child, 1), pipeOf(child, 2)];
  if (pid !== undefined) running.add(pid);
  if (options.input !== undefined && child.stdin) {
    child.stdin.on('error', () => {}); // it may end without reading everything
    child.stdin.end(options.input);
  }

  const escalation: NodeJS.Timeout[] = [];
  const interrupt = (): void => {
    if (pid === undefined) return;
    signalGroup(pid, 'SIGINT');
    escalation.push(
      setTimeout(() => signalGroup(pid, 'SIGTERM'), 1000),
      setTimeout(() => signalGroup(pid, 'SIGKILL'), 2000),
    );
  };
  signal.addEventListener('abort', interrupt, { once: true });
  if (signal.aborted) interrupt();

  const pumped = Promise.all([
    pump(stdout, (text) => output.stdout(text)),
    pump(stderr, (text) => output.stderr(text)),
  ]);
  const forget = (): boolean => pid !== undefined && running.delete(pid);
  void pumped.finally(forget);
  try {
    const end = await ended;
    await Promise.race([pumped, signal.aborted ? after(100) : quiet([stdout, stderr])]);
    if (signal.aborted) throw new MagicError('interrupted', 'interrupted');
    return end;
  } finally {
    signal.removeEventListener('abort', interrupt);
    for (const timer of escalation) clearTimeout(timer);
    if (signal.aborted && pid !== undefined) signalGroup(pid, 'SIGKILL'); // children that ignored SIGINT
  }
}

/** Ends once the pipes have been silent for a while after the program's end: another process holds them open. */
async function quiet(streams: readonly Socket[]): Promise<void> {
  let seen = -1;
  for (;;) {
    let bytes = 0;
    for (const stream of streams) {
      bytes += stream.bytesRead;
      if (stream.readableLength > 0) bytes = Number.NaN; // the sink is behind: not quiet, never equal
    }
    if (bytes === seen) return;
    seen = bytes;
    await after(100);
  }
}

/** @throws MagicError where no file descriptor is left */
function started(program: string, words: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return startProcess(program, words, options);
  } catch (cause) {
    throw new MagicError('not-found', (cause as Error).message, { cause });
  }
}

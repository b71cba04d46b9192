/**
 * The kernel's side of the compiler process: one request at a time, each with a limit of time. The process is started by the
 * first heavy text and ended when there was none for a while. When it dies or takes too long, only the request fails.
 */
import type { ChildProcess } from 'node:child_process';
import { startProcess } from '../../processes/start-process.ts';
import type { SeparateAnswers, SeparateReply, SeparateRequest } from './requests.ts';

/** No heavy text for so long: the process ends. */
const IDLE_MS = 60_000;
/** After so much time of work it is replaced, so that its limit of CPU time never meets a request. */
const WORN_MS = 60_000;
/** Seconds of CPU time: what ends it, in the middle of native code, when the kernel process was killed. */
const CPU_SECONDS = 600;
/** MiB. */
const HEAP = 3072;

/** A text that cannot be compiled for its size or shape. */
export class HeavyTextError extends SyntaxError {
  readonly code: 'late' | 'died' | 'interrupted' | 'unavailable';

  constructor(code: HeavyTextError['code'], message: string) {
    super(message);
    this.name = code === 'interrupted' ? 'Interrupted' : 'SyntaxError';
    this.code = code;
  }
}

export class CompilerProcess {
  readonly #file: string;
  #child: ChildProcess | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #workedMs = 0;
  #disposed = false;

  /** @param file The process's bundle. */
  constructor(file: string) {
    this.#file = file;
  }

  /** @throws HeavyTextError */
  async ask<K extends SeparateRequest['kind']>(
    request: SeparateRequest & { kind: K },
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<SeparateAnswers[K]> {
    const turn = this.#queue.then(() => this.#run(request, limitMs, signal));
    this.#queue = turn.catch(() => undefined);
    return (await orAborted(turn, signal)) as SeparateAnswers[K];
  }

  dispose(): void {
    this.#disposed = true;
    this.#end();
  }

  #end(): void {
    clearTimeout(this.#idle);
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#workedMs = 0;
  }

  #start(size: string): ChildProcess {
    try {
      return start(this.#file);
    } catch (cause) {
      const why = (cause as Error).message;
      throw new HeavyTextError('unavailable', `${size} needs a compiler process: ${why}`);
    }
  }

  async #run(request: SeparateRequest, limitMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted || this.#disposed) throw interrupted();
    clearTimeout(this.#idle);
    const size = `this cell (${request.source.length.toLocaleString('en')} characters)`;
    const child = (this.#child ??= this.#start(size));
    const began = performance.now();
    let stop = (): void => undefined;
    try {
      const reply = await new Promise<SeparateReply>((resolve, reject) => {
        const fail = (code: HeavyTextError['code'], message: string): void =>
          reject(new HeavyTextError(code, message));
        const timer = setTimeout(() => {
          fail('late', `${size} could not be parsed within ${limitMs / 1000} s: ${ADVICE}`);
        }, limitMs);
        const abort = (): void => reject(interrupted());
        const failed = (error: Error): void =>
          fail('unavailable', `${size} needs a compiler process, which failed: ${error.message}`);
        const ended = (code: number | null, by: NodeJS.Signals | null): void =>
          fail(
            'died',
            `${size} is nested too deeply, or needs more memory than the compiler is allowed (it ended with ${by ?? `exit code ${code}`}): ${ADVICE}`,
          );
        child.once('message', resolve).once('error', failed).once('exit', ended);
        signal?.addEventListener('abort', abort);
        stop = (): void => {
          clearTimeout(timer);
          child.off('message', resolve).off('error', failed).off('exit', ended);
          signal?.removeEventListener('abort', abort);
        };
        // The exit of a process that dies while it is written to says more than the failed write.
        child.send(request, () => undefined);
      });
      if (reply.ok) return reply.value;
      if (reply.name === 'RangeError') {
        throw new HeavyTextError(
          'died',
          `${size} is nested too deeply, or is too large for the compiler: ${ADVICE}`,
        );
      }
      throw Object.assign(new Error(reply.message), { name: reply.name });
    } catch (error) {
      if (error instanceof HeavyTextError) this.#end();
      throw error;
    } finally {
      stop();
      this.#workedMs += performance.now() - began;
      if (this.#workedMs > WORN_MS) this.#end();
      else if (this.#child) this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
    }
  }
}

const ADVICE = 'split it, or read its data from a file';

function interrupted(): HeavyTextError {
  return new HeavyTextError('interrupted', 'the cell was interrupted');
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await promise;
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(interrupted());
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function start(file: string): ChildProcess {
  // The shell sets limits that Node cannot: a process that overflows its stack leaves no core file behind.
  const limits = `ulimit -c 0 2>/dev/null; ulimit -t ${CPU_SECONDS} 2>/dev/null`;
  const command = [process.execPath, `--max-old-space-size=${HEAP}`, file];
  const child = startProcess('/bin/sh', ['-c', `${limits}; exec "$@"`, 'sh', ...command], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
    // Ctrl-C in a terminal must not reach it.
    detached: true,
  });
  child.on('error', () => undefined);
  child.unref();
  child.channel?.unref();
  return child;
}

import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { FileError } from '../../base/files/index.ts';
import { DataFormatError } from '../formats/format-error.ts';
import type { Answers, Job, JobMessage, JobReply, JobError } from './jobs.ts';

/** Workers that have had nothing to do for this long end. */
const IDLE_MS = 30_000;

/** A worker that ended by itself: out of memory, or a fault in a library. */
export class DataWorkerError extends Error {
  readonly code = 'TENSORCELL_DATA_WORKER';
  override name = 'DataWorkerError';
}

/** How many threads read and decode: one less than there are CPUs, at most four; `TENSORCELL_DATA_WORKERS`. */
export function workerCount(): number {
  const chosen = Number(process.env['TENSORCELL_DATA_WORKERS'] ?? '');
  if (Number.isInteger(chosen) && chosen > 0) return chosen;
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}

/** The worker's bundle: next to our bundles, or, when run from source, in the checkout's `dist`. */
function workerFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    for (const file of [join(folder, 'data-worker.js'), join(folder, 'dist', 'data-worker.js')]) {
      if (existsSync(file)) return file;
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error('data-worker.js is missing: build it with `npm run build`');
    folder = parent;
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * One thread and the jobs that it was given. Jobs lie in the thread's own queue: nothing has to be handed out when one
 * ends, so a cell that is terminated in the middle leaves nothing undone.
 */
class DataWorker {
  ended = false;
  readonly #waiting = new Map<number, Waiting>();
  readonly #worker: Worker;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  constructor() {
    this.#worker = new Worker(workerFile(), { execArgv: [], stdin: false, name: 'tensorcell data' });
    this.#worker.unref();
    this.#worker.on('message', (reply: JobReply) => this.#settle(reply));
    this.#worker.on('error', (error: unknown) => this.#end(error));
    this.#worker.on('exit', (code) => this.#end(new Error(`it ended with code ${code}`)));
  }

  get load(): number {
    return this.#waiting.size;
  }

  // eslint-disable-next-line typescript/promise-function-async -- the message is sent before anything can intervene
  run(job: Job): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    clearTimeout(this.#idle);
    this.#worker.ref();
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage({ id, job } satisfies JobMessage);
    return answer;
  }

  #settle(reply: JobReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) {
      this.#worker.unref();
      clearTimeout(this.#idle);
      this.#idle = setTimeout(() => this.end(), IDLE_MS).unref();
    }
    if ('value' in reply) waiting?.resolve(reply.value);
    else waiting?.reject(revived(reply.error));
  }

  end(): void {
    this.#end(new Error('it was ended'));
    void this.#worker.terminate();
  }

  #end(cause: unknown): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.#idle);
    const why = cause instanceof Error ? cause.message : String(cause);
    const error = new DataWorkerError(
      `the thread that reads data ended: ${why}. Smaller batches, or fewer threads (TENSORCELL_DATA_WORKERS=1), need less memory`,
      { cause },
    );
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

/** The error of a worker with its class, which is not sent between threads. */
function revived(error: JobError): Error {
  if (error.name === 'FileError') return new FileError(error.message, error.code ?? '', error.path ?? '');
  const Class =
    error.name === 'DataFormatError' ? DataFormatError : error.name === 'RangeError' ? RangeError : Error;
  const result = new Class(error.message);
  if (Class === Error) result.name = error.name;
  return result;
}

class WorkerPool {
  #workers: DataWorker[] = [];

  /** The thread with the fewest jobs, or a new one while all are busy and more are allowed. */
  next(): DataWorker {
    this.#workers = this.#workers.filter(({ ended }) => !ended);
    const [first, ...others] = this.#workers;
    const free = others.reduce<DataWorker | undefined>(
      (least, worker) => (least !== undefined && worker.load < least.load ? worker : least),
      first,
    );
    if (free !== undefined && (free.load === 0 || this.#workers.length >= workerCount())) return free;
    const made = new DataWorker();
    this.#workers.push(made);
    return made;
  }
}

/** One for the process: all data sets share its threads. */
const pool = new WorkerPool();

/** Has a thread do a job. Rejects with the job's own error, or a DataWorkerError when the thread ended. */
export async function runJob<K extends Job['kind']>(job: Extract<Job, { kind: K }>): Promise<Answers[K]> {
  return (await pool.next().run(job)) as Answers[K];
}

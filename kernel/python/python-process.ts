/**
 * One ipykernel: its process, its sockets, and what was asked of it. A request has ended when both its reply and the
 * `idle` of its output have come, so that nothing of it is still on the way.
 */
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeOf, startProcess } from '../processes/start-process.ts';
import { connectTransport } from '../transport/client-transport.ts';
import type { ClientTransport } from '../transport/client-transport.ts';
import { createClientCodec } from '../wire/client-codec.ts';
import type { ClientCodec, FromKernel } from '../wire/client-codec.ts';
import { createSigner } from '../wire/signature.ts';
import { continueStopped } from '../processes/stopped.ts';
import { describeDeath } from '../processes/death.ts';
import type { PythonEnvironment } from '../../src/interop/python/environments.ts';
import { environmentFor, ipykernelCommand } from '../../src/interop/python/environments.ts';
import { createPrivateConnection } from './connection.ts';
import { PythonFailure } from './failure.ts';
import { userName } from '../../src/base/user-name.ts';

export interface PythonProcessOptions {
  environment: PythonEnvironment;
  /** The script that starts the ipykernel. */
  bridgeFile: string;
  directory: string;
  variables: Readonly<Record<string, string | undefined>>;
  log: (message: string) => void;
  /** A message on iopub, with the execution that it belongs to (0: none). The next one waits for the promise. */
  output(message: FromKernel, execution: number): void | Promise<void>;
  /** A question to the person; the answer goes to `answerInput`. */
  question(message: FromKernel, execution: number): void;
  ended(why: string): void;
}

export interface RequestOptions {
  channel?: 'shell' | 'control';
  /** Whose output it is; 0 when there is no cell. */
  execution: number;
  /** The id that the message should have, if no other request has it right now. */
  id?: string;
  metadata?: Record<string, unknown>;
}

interface Pending {
  type: string;
  execution: number;
  resolve: (content: Record<string, unknown>) => void;
  reject: (error: PythonFailure) => void;
  reply: Record<string, unknown> | undefined;
  idle: boolean;
  /** Python is at it: a SIGINT now means this one. */
  begun: boolean;
}

/**
 * When a process that was stopped is signalled again, in milliseconds: while its main thread has not gone on yet, Linux hands
 * the signal to another thread (`wants_signal` in kernel/signal.c), and what the main thread waits for is not interrupted.
 */
const AGAIN_MS = [100, 400, 1000];

/** Large packages on a cold disk of WSL take long; after this Python counts as failed. */
const START_MS = 120_000;
/** How often a kernel that starts is asked whether it is there. */
const NUDGE_MS = 100;
const SHUTDOWN_MS = 1000;
/** Messages of that many requests find their cell, also when they come late (from a thread). */
const REMEMBERED = 2000;
const TAIL = 16 * 1024;
const LAST_WORDS_MS = 150;
/** After this without an answer to SIGINT the person is told. */
const STUBBORN_MS = 3000;

export class PythonProcess {
  readonly environment: PythonEnvironment;
  /** Resolves when it answers; rejects with the reason why it never will. */
  readonly ready: Promise<void>;
  readonly #options: PythonProcessOptions;
  readonly #child: ChildProcess;
  readonly #transport: ClientTransport;
  readonly #codec: ClientCodec;
  readonly #removeFolder: () => void;
  readonly #pending = new Map<string, Pending>();
  readonly #executions = new Map<string, number>();
  /** An interrupt came; each request is signalled once it has begun. */
  #interrupting = false;
  #tail = '';
  #why: string | undefined;
  #failure: PythonFailure | undefined;
  #started = false;
  readonly #gone: Promise<void>;
  readonly #atExit = (): void => {
    this.kill();
    this.#removeFolder();
  };

  constructor(options: PythonProcessOptions) {
    this.#options = options;
    this.environment = options.environment;
    const { connection, file, remove } = createPrivateConnection();
    this.#removeFolder = remove;
    const signer = createSigner(connection.signatureScheme, connection.key);
    this.#codec = createClientCodec({ signer, username: userName() });
    const { executable } = options.environment;
    this.#child = startProcess(executable, [options.bridgeFile, file], {
      cwd: options.directory,
      env: {
        ...environmentFor(executable, options.variables),
        JPY_PARENT_PID: String(process.pid),
        PYDEVD_DISABLE_FILE_VALIDATION: '1',
      },
      // The last one is never written to: its end tells Python that this process is gone.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const keepTail = (chunk: string): void => {
      this.#tail = (this.#tail + chunk).slice(-TAIL);
    };
    for (const stream of [pipeOf(this.#child, 1), pipeOf(this.#child, 2)]) {
      stream.setEncoding('utf8').on('data', keepTail);
    }
    for (const stream of this.#child.stdio) (stream as Readable | null)?.on('error', () => {});
    this.#gone = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => void this.#exited({ code, signal }).then(resolve));
      this.#child.once('error', (error) => {
        this.#end(`it could not be started: ${error.message}`, 'no-environment');
        resolve();
      });
    });
    process.on('exit', this.#atExit);
    this.#transport = connectTransport(connection, options.log);
    this.#transport.receive('shell', (frames) => this.#replied(frames));
    this.#transport.receive('control', (frames) => this.#replied(frames));
    this.#transport.receive('stdin', (frames) => {
      const message = this.#codec.decode(frames);
      if (message.type === 'input_request')
        this.#options.question(message, this.#executions.get(message.parent) ?? 0);
    });
    this.#transport.receive('iopub', (frames) => this.#published(frames));
    this.ready = this.#start();
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get busy(): boolean {
    return this.#pending.size > 0;
  }

  get alive(): boolean {
    return this.#failure === undefined;
  }

  get started(): boolean {
    return this.#started;
  }

  /** Resolves to the content of the reply, whatever its status. Rejects with PythonFailure when Python ends before. */
  async request(
    type: string,
    content: Record<string, unknown>,
    options: RequestOptions,
  ): Promise<Record<string, unknown>> {
    if (this.#failure) throw this.#failure;
    const { channel = 'shell', execution, id: wanted, metadata } = options;
    const isFree = wanted !== undefined && !this.#pending.has(wanted);
    const { id, frames } = this.#codec.encode({
      type,
      content,
      ...(isFree ? { id: wanted } : {}),
      ...(metadata ? { metadata } : {}),
    });
    return await new Promise((resolve, reject) => {
      this.#pending.set(id, {
        type,
        execution,
        resolve,
        reject,
        reply: undefined,
        idle: false,
        begun: false,
      });
      this.#remember(id, execution);
      this.#transport.send(channel, frames);
    });
  }

  /** A message without an answer. */
  send(
    type: string,
    content: Record<string, unknown>,
    options: { execution: number; id?: string; metadata?: Record<string, unknown>; buffers?: Uint8Array[] },
  ): void {
    const { execution, id = randomUUID(), ...rest } = options;
    this.#remember(id, execution);
    this.#transport.send('shell', this.#codec.encode({ type, content, id, ...rest }).frames);
  }

  answerInput(value: string): void {
    this.#transport.send('stdin', this.#codec.encode({ type: 'input_reply', content: { value } }).frames);
  }

  /**
   * SIGINT to Python and what it has started, as Ctrl-C in a terminal. A request that Python has not begun gets it when
   * it begins: before, Python would not hear it. Resolves when nothing runs any more, or when `stubborn` was told.
   */
  async interrupt(stubborn: () => void): Promise<void> {
    if (this.#pending.size === 0) return;
    this.#interrupting = true;
    const wasStopped = continueStopped(this.#child.pid);
    this.#interruptBegun();
    if (wasStopped)
      for (const ms of AGAIN_MS) setTimeout(() => this.#interrupting && this.#interruptBegun(), ms).unref();
    const all = [...this.#pending.values()].map(
      (pending) =>
        new Promise<void>((done) => {
          const { resolve, reject } = pending;
          pending.resolve = (content) => {
            resolve(content);
            done();
          };
          pending.reject = (error) => {
            reject(error);
            done();
          };
        }),
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), STUBBORN_MS);
    });
    const outcome = await Promise.race([Promise.all(all), late]);
    clearTimeout(timer);
    if (outcome === 'late' && this.alive) stubborn();
  }

  #interruptBegun(): void {
    if ([...this.#pending.values()].some(({ begun }) => begun)) this.#signal('SIGINT');
  }

  /** Ends it at once, with everything it has started. */
  kill(why?: string): void {
    this.#why ??= why;
    this.#signal('SIGKILL');
  }

  /** Asks it to end, which gives its `atexit` functions a moment. Resolves when it is gone. */
  async shutDown(why: string): Promise<void> {
    this.#why ??= why;
    if (!this.alive) return;
    if (this.#started && !this.busy) {
      const content = { restart: false };
      this.#transport.send('control', this.#codec.encode({ type: 'shutdown_request', content }).frames);
    } else this.#signal('SIGKILL');
    const timer = setTimeout(() => this.#signal('SIGKILL'), SHUTDOWN_MS);
    await this.#gone;
    clearTimeout(timer);
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // All of the group has ended.
    }
  }

  async #start(): Promise<void> {
    const deadline = setTimeout(() => {
      this.kill(`it did not answer within ${START_MS / 1000} s`);
    }, START_MS);
    try {
      // A subscription takes effect some time after it was made: only an answer on iopub proves that it has.
      let answered = false;
      while (!answered) {
        const asked = this.request('kernel_info_request', {}, { execution: 0 });
        asked.catch(() => undefined);
        const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), NUDGE_MS));
        answered = await Promise.race([asked.then(() => true), late]);
        if (this.#failure) throw this.#failure;
      }
      this.#started = true;
    } finally {
      clearTimeout(deadline);
      for (const [id, { type }] of this.#pending)
        if (type === 'kernel_info_request') this.#pending.delete(id);
    }
  }

  #remember(id: string, execution: number): void {
    this.#executions.delete(id);
    this.#executions.set(id, execution);
    const [oldest] = this.#executions.keys();
    if (this.#executions.size > REMEMBERED && oldest !== undefined) this.#executions.delete(oldest);
  }

  #replied(frames: Buffer[]): void {
    const message = this.#codec.decode(frames);
    const pending = this.#pending.get(message.parent);
    if (!pending) return;
    pending.reply = message.content;
    this.#settle(message.parent, pending);
  }

  #published(frames: Buffer[]): void | Promise<void> {
    const message = this.#codec.decode(frames);
    const pending = this.#pending.get(message.parent);
    if (message.type === 'status') {
      if (pending && message.content['execution_state'] === 'idle') {
        pending.idle = true;
        this.#settle(message.parent, pending);
      }
      return;
    }
    if (message.type === 'execute_input' || message.type === 'tensorcell_begun') {
      if (!pending) return;
      pending.begun = true;
      if (this.#interrupting) this.#signal('SIGINT');
      return;
    }
    // The reply of a cell has the exception that it raised.
    if (message.type === 'error' && pending) return;
    return this.#options.output(message, this.#executions.get(message.parent) ?? 0);
  }

  #settle(id: string, pending: Pending): void {
    if (!pending.reply || !pending.idle) return;
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#interrupting = false;
    pending.resolve(pending.reply);
  }

  async #exited(end: { code: number | null; signal: NodeJS.Signals | null }): Promise<void> {
    // Processes that it started live on in its group.
    this.#signal('SIGKILL');
    const closed = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))]);
    this.#end(this.#why ?? describeDeath({ ...end, stderr: this.#tail }));
  }

  #end(why: string, code: 'died' | 'no-environment' = 'died'): void {
    if (this.#failure) return;
    const { executable, packages, version } = this.environment;
    const what = `Python ${version} (${executable})`;
    if (this.#started || this.#why !== undefined) {
      this.#failure = new PythonFailure(
        'died',
        `${what} has ended: ${why}. Its variables are lost; the next use starts a new process`,
        { name: 'PythonDied' },
      );
    } else if (/No module named '?ipykernel/.test(this.#tail) || packages.ipykernel === undefined) {
      this.#failure = noIpykernel(this.environment);
    } else {
      const said = this.#tail.trim().split('\n').slice(-12).join('\n');
      this.#failure = new PythonFailure(
        code === 'died' ? 'not-started' : code,
        `${what} did not start its ipykernel: ${why}${said === '' ? '' : `\n${said}`}`,
      );
    }
    process.off('exit', this.#atExit);
    this.#transport.close();
    this.#removeFolder();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#options.ended(why);
    for (const { reject } of pending) reject(this.#failure);
  }
}

export function noIpykernel(environment: PythonEnvironment): PythonFailure {
  return new PythonFailure(
    'no-ipykernel',
    `${environment.executable} (Python ${environment.version}) has no ipykernel. Install it, then run the cell again:\n` +
      `    !${ipykernelCommand(environment)}\n` +
      'or choose another environment: %python envs',
  );
}

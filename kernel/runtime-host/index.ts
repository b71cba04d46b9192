/**
 * The kernel's side of the runtime process: starts it, replaces it when it dies, delivers what it says in order, and
 * turns every end of an execution into an outcome.
 */
import { dirname, join } from 'node:path';
import type { ExecuteRequest, MainMessage, RuntimeMessage } from '../contracts/messages.ts';
import type { ExecuteOutcome, OutputSink, RuntimeHost } from '../contracts/runtime-host.ts';
import type { CellError } from '../contracts/values.ts';
import type { ControlReport, InternalMessage } from '../channel/frames.ts';
import { Delivery } from './delivery.ts';
import { continueStopped, isStopped } from '../processes/stopped.ts';
import { RuntimeProcess } from './runtime-process.ts';

export interface RuntimeHostOptions {
  /** Bundle of the runtime process. */
  runtimeFile: string;
  /** Bundle of its control thread; by default `control.cjs` beside it. */
  controlFile?: string;
  /** Folder in which cells start. */
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  sink: OutputSink;
  log?: (message: string) => void;
}

/** The runtime process does not answer, or could not. */
export class RuntimeError extends Error {
  readonly code: 'timeout' | 'died' | 'failed' | 'disposed';

  constructor(code: RuntimeError['code'], message: string) {
    super(message);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

interface Running {
  execution: number;
  request: ExecuteRequest;
  /** It was sent to a second process, since the first died before it had taken it in. */
  again: boolean;
  resolve: (outcome: ExecuteOutcome) => void;
}

interface Question {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** Native output that does not come through (a pipe that a child process filled) does not keep a cell from ending. */
const MARKER_MS = 2000;
/** A control thread that does not confirm an interrupt within this time is not running. */
const UNHEARD_MS = 2000;
/** How long a runtime may take to end by itself. */
const SHUTDOWN_MS = 1000;
/** A process that dies this often before it is ready is not started again until somebody needs it. */
const MAX_FAILURES = 3;

export function createRuntimeHost(options: RuntimeHostOptions): RuntimeHost {
  return new Host(options);
}

class Host implements RuntimeHost {
  readonly #options: RuntimeHostOptions;
  readonly #log: (message: string) => void;
  readonly #environment: Record<string, string | undefined>;
  readonly #running = new Map<number, Running>();
  readonly #questions = new Map<number, Question>();
  readonly #replaced: ((why: string) => void)[] = [];
  readonly #interrupts = new Map<number, () => void>();
  #directory: string;
  #process: RuntimeProcess | undefined;
  #delivery: Delivery;
  #last = 0;
  #lastId = 0;
  #lastInterrupt = 0;
  /** Interrupts since the first of the cells that run now was begun. */
  #insisted = 0;
  #failures = 0;
  #disposed = false;
  /** Interrupts that the control thread has not confirmed. */
  readonly #unheard = new Set<number>();
  /** Why the present process is being ended, when the kernel does it. */
  #why: string | undefined;
  /** Set while the main thread of the runtime is inside a native call that an interrupt waits for. */
  #stuck: { warned: boolean; restart: string } | undefined;
  readonly #atExit = (): void => this.#process?.kill();

  constructor(options: RuntimeHostOptions) {
    this.#options = options;
    this.#log = options.log ?? (() => {});
    this.#directory = options.directory;
    this.#environment = { ...options.environment };
    this.#delivery = this.#createDelivery();
    process.on('exit', this.#atExit);
  }

  get busy(): boolean {
    return this.#running.size > 0;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  onReplaced(listener: (why: string) => void): void {
    this.#replaced.push(listener);
  }

  start(): void {
    if (!this.#process && !this.#disposed) this.#spawn();
  }

  execute(request: Omit<ExecuteRequest, 'type'>): Promise<ExecuteOutcome> {
    return new Promise((resolve) => {
      if (this.#disposed) {
        resolve({ status: 'error', declared: [], error: diedError('the kernel is shutting down') });
        return;
      }
      this.#last = request.execution;
      if (this.#running.size === 0) this.#insisted = 0;
      const message: ExecuteRequest = { type: 'execute', ...request };
      this.#running.set(request.execution, {
        execution: request.execution,
        request: message,
        again: false,
        resolve,
      });
      this.#sendOrFail(message);
    });
  }

  evaluate(
    execution: number,
    expressions: Extract<MainMessage, { type: 'evaluate' }>['expressions'],
  ): ReturnType<RuntimeHost['evaluate']> {
    const id = ++this.#lastId;
    return this.#question<Awaited<ReturnType<RuntimeHost['evaluate']>>>(id, {
      type: 'evaluate',
      id,
      execution,
      expressions,
    }).catch((error: Error) => {
      const reason: CellError = diedError(error.message);
      return Object.fromEntries(Object.keys(expressions).map((name) => [name, { error: reason }]));
    });
  }

  async inspect(path: string, timeoutMs: number): Promise<{ summary: string; typeName: string } | undefined> {
    const id = ++this.#lastId;
    try {
      const found = await this.#question<Extract<RuntimeMessage, { type: 'inspected' }>>(
        id,
        { type: 'inspect', id, path },
        timeoutMs,
      );
      return found.found ? { summary: found.summary ?? '', typeName: found.typeName ?? '' } : undefined;
    } catch {
      return undefined;
    }
  }

  ask(question: string, argument?: unknown, timeoutMs?: number): Promise<unknown> {
    const id = ++this.#lastId;
    return this.#question(id, { type: 'ask', id, question, argument }, timeoutMs);
  }

  send(message: MainMessage): void {
    if (message.type === 'directory') this.#directory = message.path;
    if (message.type === 'environment') this.#environment[message.name] = message.value;
    this.start();
    this.#process?.send(message);
  }

  sendControl(message: Parameters<RuntimeHost['sendControl']>[0]): void {
    if (message.type === 'interrupt') void this.interrupt();
    else this.#process?.control(message);
  }

  async interrupt(): Promise<void> {
    const current = this.#process;
    if (!current) return;
    // Nothing runs in a process that is still starting: there is only its own loading to disturb.
    if (!current.ready && this.#running.size === 0) return;
    if (this.#stuck) {
      if (this.#stuck.warned) {
        await this.restart(this.#stuck.restart);
        return;
      }
      this.#stuck.warned = true;
      this.#tell('still waiting. Interrupt once more to restart the runtime process (variables are lost).\n');
    }
    this.#insisted++;
    const sequence = ++this.#lastInterrupt;
    const ended = new Promise<void>((resolve) => this.#interrupts.set(sequence, resolve));
    current.control({ type: 'interrupt', sequence, sent: current.sent });
    if (continueStopped(current.pid)) {
      this.#tell('the runtime process was stopped by a signal; the interrupt resumed it.\n');
    }
    this.#unheard.add(sequence);
    setTimeout(() => {
      if (this.#process !== current || !this.#interrupts.has(sequence)) return;
      if (!this.#unheard.delete(sequence) && !isStopped(current.pid)) return;
      this.#notAnswering(
        `the runtime process (${current.pid}) does not answer: it is stopped, or the machine is overloaded.`,
        'it was restarted because it did not answer several interrupts',
      );
    }, UNHEARD_MS);
    // A writer that is blocked by a slow client can only end when somebody reads.
    current.resume();
    await ended;
  }

  async restart(why: string): Promise<void> {
    const current = this.#process;
    if (!current) {
      this.start();
      return;
    }
    this.#why = why;
    const replaced = new Promise<void>((resolve) => {
      this.#afterReplacement.push(resolve);
    });
    current.kill();
    await replaced;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    process.off('exit', this.#atExit);
    const current = this.#process;
    if (!current) return;
    await current.shutDown(SHUTDOWN_MS);
  }

  readonly #afterReplacement: (() => void)[] = [];

  // -------------------------------------------------------------- the process

  #spawn(): void {
    this.#why = undefined;
    this.#stuck = undefined;
    this.#unheard.clear();
    const { runtimeFile } = this.#options;
    const delivery = this.#createDelivery();
    this.#delivery = delivery;
    const started: RuntimeProcess = new RuntimeProcess(
      {
        runtimeFile,
        controlFile: this.#options.controlFile ?? join(dirname(runtimeFile), 'control.cjs'),
        directory: this.#directory,
        environment: this.#environment,
      },
      {
        message: (message) => this.#take(started, delivery, message),
        internal: (message) => this.#internal(started, delivery, message),
        unreadable: (why) => this.#tell(`${why}\n`),
        lost: (message, why) => this.#lost(message, new RuntimeError('failed', why)),
        report: (report) => this.#report(report),
        readOn: () => {
          delivery.pump();
          return delivery.idle || this.#interrupts.size > 0;
        },
        native: (name, text) =>
          this.#options.sink.output({ type: 'stream', execution: this.#nativeOwner(), name, text }),
        ended: (reason) => {
          delivery.push(() => this.#ended(started, reason));
          delivery.pump();
        },
      },
    );
    this.#process = started;
  }

  /** When it cannot be started now (no file descriptor is left), the next cell tries again. */
  #respawn(): void {
    try {
      this.#spawn();
    } catch (error) {
      this.#process = undefined;
      this.#log((error as Error).message);
    }
  }

  #createDelivery(): Delivery {
    return new Delivery(this.#options.sink, {
      failed: (error) => this.#log(`output could not be delivered: ${String(error)}`),
      drained: () => this.#process?.resume(),
    });
  }

  /** Native output says nothing of its cell: the running one, else the last. */
  #nativeOwner(): number {
    let execution = this.#last;
    for (execution of this.#running.keys());
    return execution;
  }

  #take(from: RuntimeProcess, delivery: Delivery, message: RuntimeMessage): void {
    switch (message.type) {
      case 'ready':
        this.#failures = 0;
        this.#log(`runtime process ${message.pid} is ready (Node ${message.node})`);
        break;
      case 'inspected':
        this.#settle(message.id, message);
        break;
      case 'answered':
        if (message.error === undefined) this.#settle(message.id, message.value);
        else this.#fail(message.id, new RuntimeError('failed', message.error));
        break;
      case 'evaluated':
        delivery.push(() => this.#settle(message.id, message.values));
        break;
      case 'done':
        delivery.push(() => this.#done(from, message));
        break;
      default:
        delivery.push(message);
    }
  }

  #done(from: RuntimeProcess, message: Extract<RuntimeMessage, { type: 'done' }>): void | Promise<void> {
    const end = (): void =>
      this.#finish(message.execution, {
        declared: message.declared,
        ...(message.hint === undefined ? {} : { hint: message.hint }),
        ...(message.error ? { status: 'error', error: message.error } : { status: 'ok' }),
      });
    if (!this.#running.has(message.execution)) return undefined;
    const out = from.stdout.passed(message.execution);
    const err = from.stderr.passed(message.execution);
    if (!out && !err) {
      end();
      return undefined;
    }
    return (async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          this.#log(`the end of native output of execution ${message.execution} did not arrive`);
          resolve();
        }, MARKER_MS);
      });
      const passed = (async () => {
        await out;
        await err;
      })();
      await Promise.race([passed, late]);
      clearTimeout(timer);
      end();
    })();
  }

  #finish(execution: number, outcome: ExecuteOutcome): void {
    const running = this.#running.get(execution);
    this.#running.delete(execution);
    running?.resolve(outcome);
  }

  #internal(from: RuntimeProcess, delivery: Delivery, message: InternalMessage): void {
    if (message.type === 'interrupted') {
      this.#stuck = undefined;
      // Only when the client has everything from before.
      delivery.push(() => {
        for (const [sequence, resolve] of this.#interrupts) {
          if (sequence > message.sequence) continue;
          this.#interrupts.delete(sequence);
          resolve();
        }
      });
    } else if (message.type === 'terminated') {
      const unconfirmed = from.unconfirmedExecutions();
      const known = new Set([...message.running, ...unconfirmed]);
      // The termination hit the runtime between taking such a cell in and starting it.
      const lost = [...this.#running.keys()].filter((execution) => !known.has(execution));
      delivery.push(() => {
        for (const execution of lost) {
          this.#finish(execution, { status: 'error', declared: [], error: interruptedBeforeStart() });
        }
      });
    }
  }

  #report(report: ControlReport): void {
    if (report.type === 'heard') {
      for (const sequence of this.#unheard) if (sequence <= report.sequence) this.#unheard.delete(sequence);
      return;
    }
    if (report.sequence < this.#lastInterrupt || this.#interrupts.size === 0) return;
    this.#notAnswering(
      'interrupted: waiting for a native operation to return; it cannot be stopped halfway.',
      'it was restarted because a native operation did not return after several interrupts',
    );
  }

  /** Tells it once; the interrupt after the warning replaces the process. */
  #notAnswering(why: string, restart: string): void {
    if (this.#stuck) return;
    // Who interrupts twice (a training holds the first one until its batch has ended) has waited already.
    const warned = this.#insisted > 1;
    this.#stuck = { warned, restart };
    this.#tell(
      `${why} ${
        warned
          ? 'Interrupt once more to restart the runtime process (variables are lost).'
          : 'Interrupt again to learn how to abort it.'
      }\n`,
    );
  }

  #tell(text: string): void {
    const execution = this.#nativeOwner();
    this.#delivery.push({ type: 'stream', execution, name: 'stderr', text });
    this.#delivery.pump();
  }

  #ended(process_: RuntimeProcess, reason: string): void {
    if (this.#process !== process_) return;
    this.#process = undefined;
    const asked = this.#why !== undefined;
    const why = this.#why ?? `the runtime process ended: ${reason}`;
    this.#log(why);
    const wasReady = process_.ready;
    this.#failures = wasReady ? 0 : this.#failures + 1;
    if (!this.#disposed) {
      if (this.#failures < MAX_FAILURES) this.#respawn();
      for (const listener of this.#replaced) listener(why);
    }
    const error = diedError(why);
    const fresh = this.#present();
    const unconfirmed = process_.unconfirmedExecutions();
    for (const running of this.#running.values()) {
      const { execution } = running;
      // Sent to a process that was already dying: it has not begun, so the fresh one runs it.
      if (fresh && !asked && !running.again && unconfirmed.has(execution)) {
        running.again = true;
        fresh.send(running.request);
      } else this.#finish(execution, { status: 'error', declared: [], error });
    }
    for (const [id, question] of this.#questions) {
      this.#questions.delete(id);
      question.reject(new RuntimeError('died', why));
    }
    for (const resolve of this.#interrupts.values()) resolve();
    this.#interrupts.clear();
    for (const resolve of this.#afterReplacement.splice(0)) resolve();
  }

  #present(): RuntimeProcess | undefined {
    return this.#process;
  }

  // -------------------------------------------------------------- questions

  #question<T>(id: number, message: MainMessage, timeoutMs?: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#disposed) {
        reject(new RuntimeError('disposed', 'the kernel is shutting down'));
        return;
      }
      let timer: NodeJS.Timeout | undefined;
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => {
          this.#fail(
            id,
            new RuntimeError('timeout', `the runtime process is busy: no answer within ${timeoutMs} ms`),
          );
        }, timeoutMs);
      }
      this.#questions.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value as T);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#sendOrFail(message);
    });
  }

  /** What waits for the answer to a message that cannot be sent gets the reason. */
  #sendOrFail(message: MainMessage): void {
    try {
      this.send(message);
    } catch (error) {
      this.#lost(message, error as Error);
    }
  }

  #lost(message: MainMessage, error: Error): void {
    if (message.type === 'execute') {
      const { name, message: text } = error;
      this.#finish(message.execution, {
        status: 'error',
        declared: [],
        error: { name, message: text, traceback: [`\u001B[1;31m${name}\u001B[0m: ${text}`] },
      });
    } else if ('id' in message && typeof message.id === 'number') this.#fail(message.id, error);
    else this.#log(`a message (${message.type}) was lost: ${error.message}`);
  }

  #settle(id: number, value: unknown): void {
    this.#questions.get(id)?.resolve(value);
    this.#questions.delete(id);
  }

  #fail(id: number, error: Error): void {
    this.#questions.get(id)?.reject(error);
    this.#questions.delete(id);
  }
}

function diedError(why: string): CellError {
  const message = `${why}. Variables are lost; the next cell runs in a new runtime process`;
  return {
    name: 'RuntimeDied',
    message,
    traceback: [`\u001B[1;31mRuntimeDied\u001B[0m: ${message}`],
    reason: 'runtime-died',
  };
}

function interruptedBeforeStart(): CellError {
  const message = 'the cell was interrupted before it started';
  return {
    name: 'Interrupted',
    message,
    traceback: [`\u001B[1;31mInterrupted\u001B[0m: ${message}`],
    reason: 'interrupted',
  };
}

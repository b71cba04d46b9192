/**
 * The kernel's side of the runtime process: starts it, replaces it when it dies, delivers what it says in order, and
 * turns every end of an execution into an outcome.
 */
import { dirname, join } from 'node:path';
import type { ExecuteRequest, MainMessage, RuntimeMessage } from '../contracts/messages.ts';
import type { ExecuteOutcome, OutputSink, RuntimeHost } from '../contracts/runtime-host.ts';
import type { InternalMessage } from '../channel/frames.ts';
import { Delivery } from './delivery.ts';
import {
  diedError,
  failed,
  interruptedBeforeStart,
  RuntimeError,
  unexpectedAnswer,
  unsentError,
} from './failures.ts';
import { Interrupts } from './interrupts.ts';
import { Questions, type Answer } from './questions.ts';
import { RuntimeProcess } from './runtime-process.ts';

export interface RuntimeHostOptions {
  /** Bundle of the runtime process. */
  runtimeFile: string;
  /** Bundle of its control thread; by default `control.cjs` in the same folder. */
  controlFile?: string;
  /** Folder in which cells start. */
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  sink: OutputSink;
  log?: (message: string) => void;
}

interface Running {
  execution: number;
  request: ExecuteRequest;
  /** It was sent to a second process, since the first died before it had taken it in. */
  again: boolean;
  resolve: (outcome: ExecuteOutcome) => void;
}

/** Native output that does not come through (a pipe that a child process filled) does not keep a cell from ending. */
const MARKER_MS = 2000;
/** How long a runtime process may take to end by itself. */
const SHUTDOWN_MS = 1000;
/** A process that dies this often before it is ready is not started again until it is needed. */
const MAX_FAILURES = 3;

export function createRuntimeHost(options: RuntimeHostOptions): RuntimeHost {
  return new RuntimeProcessHost(options);
}

class RuntimeProcessHost implements RuntimeHost {
  readonly #options: RuntimeHostOptions;
  readonly #log: (message: string) => void;
  readonly #environment: Record<string, string | undefined>;
  readonly #running = new Map<number, Running>();
  readonly #questions = new Questions();
  readonly #replaced: ((why: string) => void)[] = [];
  readonly #interrupts = new Interrupts({
    current: () => this.#process,
    busy: () => this.busy,
    restart: (why) => this.restart(why),
    tell: (text) => this.#tell(text),
  });
  readonly #afterReplacement: (() => void)[] = [];
  #directory: string;
  #process: RuntimeProcess | undefined;
  #delivery: Delivery;
  #last = 0;
  #failures = 0;
  #disposed = false;
  /** Why the present process is being ended, when the kernel does it. */
  #why: string | undefined;
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
        resolve(failed(diedError('the kernel is shutting down')));
        return;
      }
      this.#last = request.execution;
      if (!this.busy) this.#interrupts.begin();
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

  async evaluate(
    execution: number,
    expressions: Extract<MainMessage, { type: 'evaluate' }>['expressions'],
  ): ReturnType<RuntimeHost['evaluate']> {
    try {
      const answer = await this.#question((id) => ({ type: 'evaluate', id, execution, expressions }));
      if (answer.type !== 'evaluated') throw unexpectedAnswer(answer.type);
      return answer.values;
    } catch (error) {
      const reason = diedError(error instanceof Error ? error.message : String(error));
      return Object.fromEntries(Object.keys(expressions).map((name) => [name, { error: reason }]));
    }
  }

  async inspect(path: string, timeoutMs: number): Promise<{ summary: string; typeName: string } | undefined> {
    try {
      const answer = await this.#question((id) => ({ type: 'inspect', id, path }), timeoutMs);
      if (answer.type !== 'inspected') throw unexpectedAnswer(answer.type);
      return answer.found ? { summary: answer.summary ?? '', typeName: answer.typeName ?? '' } : undefined;
    } catch {
      return undefined;
    }
  }

  async ask(question: string, argument?: unknown, timeoutMs?: number): Promise<unknown> {
    const answer = await this.#question((id) => ({ type: 'ask', id, question, argument }), timeoutMs);
    if (answer.type !== 'answered') throw unexpectedAnswer(answer.type);
    return answer.value;
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
    await this.#interrupts.interrupt();
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

  // -------------------------------------------------------------- the process

  #spawn(): void {
    this.#why = undefined;
    this.#interrupts.started();
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
        report: (report) => this.#interrupts.report(report),
        readOn: () => {
          delivery.pump();
          return delivery.idle || this.#interrupts.pending;
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
        this.#questions.settle(message);
        break;
      case 'answered':
        if (message.error === undefined) this.#questions.settle(message);
        else this.#questions.fail(message.id, new RuntimeError('failed', message.error));
        break;
      case 'evaluated':
        delivery.push(() => this.#questions.settle(message));
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
      this.#interrupts.answered();
      // Only when the front end has everything from before.
      delivery.push(() => this.#interrupts.ended(message.sequence));
    } else if (message.type === 'terminated') {
      const unconfirmed = from.unconfirmedExecutions();
      const known = new Set([...message.running, ...unconfirmed]);
      // The termination hit the runtime process between taking such a cell in and starting it.
      const lost = [...this.#running.keys()].filter((execution) => !known.has(execution));
      delivery.push(() => {
        for (const execution of lost) this.#finish(execution, failed(interruptedBeforeStart()));
      });
    }
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
      } else this.#finish(execution, failed(error));
    }
    this.#questions.failAll(new RuntimeError('died', why));
    this.#interrupts.ended(Infinity);
    for (const resolve of this.#afterReplacement.splice(0)) resolve();
  }

  #present(): RuntimeProcess | undefined {
    return this.#process;
  }

  // -------------------------------------------------------------- questions

  async #question(message: (id: number) => MainMessage, timeoutMs?: number): Promise<Answer> {
    if (this.#disposed) throw new RuntimeError('disposed', 'the kernel is shutting down');
    return await this.#questions.ask((id) => this.#sendOrFail(message(id)), timeoutMs);
  }

  /** The caller that waits for the answer to a message that cannot be sent gets the reason. */
  #sendOrFail(message: MainMessage): void {
    try {
      this.send(message);
    } catch (error) {
      this.#lost(message, error as Error);
    }
  }

  #lost(message: MainMessage, error: Error): void {
    if (message.type === 'execute') {
      this.#finish(message.execution, failed(unsentError(error)));
    } else if ('id' in message && typeof message.id === 'number') this.#questions.fail(message.id, error);
    else this.#log(`a message (${message.type}) was lost: ${error.message}`);
  }
}

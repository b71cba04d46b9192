/**
 * The session: what a Jupyter front end talks to. Requests come in as frames, a table says who answers each type, and
 * whatever happens there, `busy` is followed by a reply and `idle`.
 */
import type { RequestChannel } from '../transport/transport.ts';
import type { Incoming, Parent } from '../wire/codec.ts';
import { EncodingError } from '../limits/nesting.ts';
import { readContent } from '../wire/content.ts';
import type { ErrorReply, RequestType } from '../wire/messages.ts';
import { WireError } from '../wire/wire-error.ts';
import { toCellError } from './cell-error.ts';
import type { Executions } from './executions.ts';
import { createHandlers, type Handler } from './handlers.ts';
import { isAnsweredAtOnce } from './immediate-magics.ts';
import type { Iopub } from './iopub.ts';
import { LimitedLog } from './limited-log.ts';
import type { SessionOptions } from './options.ts';
import { SessionParts } from './parts.ts';
import { Subshells } from './subshells.ts';
import type { Surroundings } from './surroundings.ts';

/** A front end that has just connected gets its first answers before more is loaded. */
const LOAD_AFTER_MS = 20;
/** Idle time after the start before slow work begins. */
const IDLE_AFTER_MS = 2000;
/** The same after a cell: longer than a program, or Run All, takes to the next one. */
const QUIET_MS = 400;

export class Session {
  readonly #options: SessionOptions;
  readonly #parts: SessionParts;
  readonly #dropped: LimitedLog;
  readonly #iopub: Iopub;
  readonly #executions: Executions;
  readonly #subshells = new Subshells();
  readonly #handlers: ReturnType<typeof createHandlers>;
  /** Cells that run now, in the order they began: the status bar of a front end shows the last status of all. */
  readonly #busyWith: Parent[] = [];
  #warmed = false;
  #warming: NodeJS.Timeout | undefined;
  /** Some request was answered: the kernel has started. */
  #answered = false;
  #ended = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#dropped = new LimitedLog(options.log);
    this.#parts = new SessionParts(options);
    this.#iopub = this.#parts.iopub;
    this.#executions = this.#parts.executions;
    this.#handlers = createHandlers({
      options,
      parts: this.#parts,
      subshells: this.#subshells,
      interrupt: () => this.interrupt(),
    });
  }

  /** Folder, environment and settings, as cells have changed them. */
  get surroundings(): Surroundings {
    return this.#parts.surroundings;
  }

  /** Begins to listen. */
  start(): void {
    const { transport } = this.#options;
    let subscribed = false;
    transport.onSubscribe((topic) => {
      this.#iopub.publish('iopub_welcome', { subscription: topic.toString() }, undefined);
      // Published once, after the first subscription: before it no front end would get it.
      if (!subscribed && !this.#answered)
        this.#iopub.publish('status', { execution_state: 'starting' }, undefined);
      subscribed = true;
    });
    for (const channel of ['control', 'shell', 'stdin'] as const) {
      transport.receive(channel, (frames) => this.#receive(channel, frames));
    }
    // The first cell finds it loaded; a front end that requests kernel_info at once does not wait for it.
    setTimeout(() => void this.#options.compiler(), LOAD_AFTER_MS).unref();
    // Users read a notebook after opening it: by the time of the first cell all is warm.
    this.#warmAfter(IDLE_AFTER_MS);
  }

  /** Whether a cell has run. */
  get hasRun(): boolean {
    return this.#executions.find(0) !== undefined;
  }

  /** Stops what runs in all shells, and what magics and questions wait for. */
  async interrupt(): Promise<void> {
    for (const execution of this.#executions.running()) execution.abort.abort();
    this.#parts.stdin.forgetAll();
    const failed = (error: unknown): void => this.#options.log(`interrupt: ${String(error)}`);
    await Promise.all([
      this.#parts.python?.interrupt().catch(failed),
      this.#parts.runtimeHost.interrupt().catch(failed),
    ]);
  }

  /** A line for the person, under the cell that was run last. */
  notify(text: string): void {
    const last = this.#executions.find(0);
    if (last) this.#iopub.stream('stderr', `${text}\n`, last.parent);
    else this.#options.log(text);
  }

  /** Ends the runtime process and everything that it started. */
  async dispose(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    for (const execution of this.#executions.running()) execution.abort.abort();
    this.#subshells.abortAll();
    await this.#parts.dispose();
    this.#iopub.flush();
  }

  #receive(channel: RequestChannel, frames: Buffer[]): void {
    if (this.#ended) return;
    let message: Incoming;
    try {
      message = this.#options.codec.decode(frames);
    } catch (error) {
      this.#dropped.log(
        `${channel}: message dropped: ${error instanceof WireError ? error.message : String(error)}`,
      );
      return;
    }
    if (message.type === 'input_reply') {
      try {
        if (!this.#parts.stdin.receive(message)) this.#dropped.log('stdin: unexpected reply');
      } catch (error) {
        this.#dropped.log(`stdin: message dropped: ${(error as Error).message}`);
      }
      return;
    }
    if (message.type === 'execute_request' && channel === 'shell') {
      this.#enqueue(message);
      return;
    }
    const handler = this.#handlers[channel][message.type];
    if (!handler) {
      this.#dropped.log(`${channel}: message dropped: ${message.type} is not valid on this channel`);
      return;
    }
    void this.#answer(channel, message, handler);
  }

  /** busy, reply, idle: whatever the handler does. */
  async #answer(channel: RequestChannel, message: Incoming, handler: Handler): Promise<void> {
    const { parent, type } = message;
    this.#answered = true;
    this.#iopub.announce('status', { execution_state: 'busy' }, parent);
    let content: object | undefined;
    try {
      content = await handler(message);
    } catch (error) {
      content = this.#failure(type, error);
      if (!type.endsWith('_request')) {
        // A comm message has no reply that could tell.
        const { ename, evalue, traceback } = content as ErrorReply;
        this.#iopub.publish('error', { ename, evalue, traceback }, parent);
        content = undefined;
      }
    }
    this.#iopub.flush();
    if (content) this.#parts.outbox.reply(channel, replyType(type), content, parent);
    this.#iopub.publish('status', { execution_state: 'idle' }, parent);
    // Front ends and servers show the last status, of any message: a cell still runs.
    const running = this.#busyWith.at(-1);
    if (running) this.#iopub.publish('status', { execution_state: 'busy' }, running);
  }

  #failure(type: string, error: unknown): ErrorReply {
    const { name, message } = toCellError(error);
    if (!(error instanceof WireError) && !(error instanceof EncodingError)) {
      this.#options.log(`${type}: ${error instanceof Error ? (error.stack ?? message) : message}`);
    }
    return { status: 'error', ename: name, evalue: message, traceback: [`${name}: ${message}`] };
  }

  #enqueue(message: Incoming): void {
    const { parent } = message;
    const id = parent.header.subshell_id;
    const queue = this.#subshells.find(id);
    if (!queue) {
      void this.#answer('shell', message, () => {
        throw new WireError('invalid-content', `unknown subshell_id ${JSON.stringify(id)}`);
      });
      return;
    }
    if (queue.busy && isAnsweredAtOnce(message.content['code'])) {
      void this.#runCell(message);
      return;
    }
    queue.push({
      run: () => this.#runCell(message),
      abort: () => void this.#answer('shell', message, () => ({ status: 'aborted' })),
    });
  }

  /** True when the cells behind it are to be aborted. */
  async #runCell(message: Incoming): Promise<boolean> {
    const { parent } = message;
    this.#busyWith.push(parent);
    this.#warmAfter(QUIET_MS);
    let stop = false;
    await this.#answer('shell', message, async () => {
      try {
        const request = readContent('execute_request', message.content);
        const reply = await this.#parts.cells.run(request, parent);
        stop = reply.status === 'error' && request.stop_on_error;
        if (stop) {
          // Requests that the front end sent before it knew of the error may still be on their way through the socket.
          await turnOfTheLoop();
          await turnOfTheLoop();
        }
        return reply;
      } finally {
        this.#busyWith.splice(this.#busyWith.indexOf(parent), 1);
      }
    });
    this.#warmAfter(QUIET_MS);
    return stop;
  }

  /**
   * Work that makes the next steps fast, unless a cell begins or ends before: between short cells it would
   * make them slower.
   */
  #warmAfter(ms: number): void {
    clearTimeout(this.#warming);
    if (!this.#warmed) this.#warming = setTimeout(() => this.#warm(), ms).unref();
  }

  #warm(): void {
    if (this.#ended) return;
    this.#parts.typeChecks.start().catch((error: unknown) => this.#options.log(`types: ${String(error)}`));
    // The runtime process loads nothing while a cell runs: an interrupt would leave it half loaded.
    if (this.#busyWith.length > 0) return;
    this.#warmed = true;
    this.#parts.runtimeHost.send({ type: 'preload' });
  }
}

function replyType(type: RequestType): string {
  return type.replace(/_request$/, '_reply');
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

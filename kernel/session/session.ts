/**
 * The session: what a Jupyter client talks to. Requests come in as frames, a table says who answers each type, and
 * whatever happens there, `busy` is followed by a reply and `idle`.
 */
import type { SessionCompiler } from '../contracts/compiler.ts';
import type { LanguageService } from '../contracts/language-service.ts';
import type { MagicRegistry } from '../contracts/magics.ts';
import type { PythonHost } from '../contracts/python.ts';
import type { OutputSink, RuntimeHost } from '../contracts/runtime-host.ts';
import type { Ports } from '../transport/connection-file.ts';
import type { RequestChannel, Transport } from '../transport/transport.ts';
import type { Codec, Incoming, Parent } from '../wire/codec.ts';
import { EncodingError } from '../limits/nesting.ts';
import { once } from '../../src/base/once.ts';
import { readContent } from '../wire/content.ts';
import type {
  CommInfoReply,
  ConnectReply,
  DebugReply,
  ErrorReply,
  HistoryReply,
  IsCompleteReply,
  KernelInfoReply,
  RequestType,
} from '../wire/messages.ts';
import { WireError } from '../wire/wire-error.ts';
import { Assistance } from './assistance.ts';
import { toCellError } from './cell-error.ts';
import { askedFor, CellRunner } from './cell-runner.ts';
import { Comms } from './comms.ts';
import { Executions } from './executions.ts';
import { History } from './history.ts';
import { isAnsweredAtOnce } from './immediate-magics.ts';
import { Iopub } from './iopub.ts';
import { LimitedLog } from './limited-log.ts';
import { MagicRunner } from './magic-runner.ts';
import { createOutbox } from './outbox.ts';
import type { Outbox } from './outbox.ts';
import { RuntimeOutput } from './runtime-output.ts';
import { Stdin } from './stdin.ts';
import { Subshells } from './subshells.ts';
import { Surroundings } from './surroundings.ts';
import { TrainingDisplay } from './training-display.ts';
import { TypeChecks } from './type-checks.ts';

/** What Python's side needs of the session. */
export interface PythonParts {
  sink: OutputSink;
  surroundings: Surroundings;
  ask: (execution: number, question: { prompt: string; password: boolean }) => Promise<string | undefined>;
}

export interface SessionOptions {
  codec: Codec;
  transport: Transport;
  log: (message: string) => void;
  info: KernelInfoReply;
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  historyPath: string;
  /** Replies wait for type errors. */
  waitForTypes: boolean;
  createHost: (sink: OutputSink) => RuntimeHost;
  /** The next three are loaded when they are needed first, or when the kernel is idle. */
  compiler: () => Promise<SessionCompiler>;
  language: () => Promise<LanguageService>;
  magics: () => Promise<MagicRegistry>;
  /** Loaded when a cell uses Python. */
  createPython: (options: PythonParts) => Promise<PythonHost>;
  /** Ends the process; called when a client has asked for it and has its answer. */
  exit: () => void;
}

/** A client that has just connected gets its first answers before more is loaded. */
const LOAD_AFTER_MS = 20;
/** What cannot be interrupted (a native operation) does not delay the answer longer. */
const INTERRUPT_MS = 500;
/** Nobody has run a cell for so long after the start: time for what takes longer. */
const IDLE_AFTER_MS = 2000;
/** The same after a cell: longer than a program, or Run All, takes to the next one. */
const QUIET_MS = 400;

/** Resolves to the content of the reply, or to undefined for messages that have none. */
type Handler = (message: Incoming) => Promise<object | undefined> | object | undefined;

export class Session {
  /** Folder, environment and settings, as cells have changed them. */
  readonly surroundings: Surroundings;
  readonly #options: SessionOptions;
  #compiler: SessionCompiler | undefined;
  readonly #dropped: LimitedLog;
  readonly #outbox: Outbox;
  readonly #iopub: Iopub;
  readonly #executions = new Executions();
  readonly #subshells = new Subshells();
  readonly #comms: Comms;
  readonly #stdin: Stdin;
  readonly #history: History;
  readonly #host: RuntimeHost;
  readonly #typeChecks: TypeChecks;
  readonly #cells: CellRunner;
  readonly #assistance: Assistance;
  /** Once a cell has used it. */
  #python: PythonHost | undefined;
  readonly #handlers: Record<RequestChannel, Partial<Record<RequestType, Handler>>>;
  /** Cells that run now, in the order they began: the status bar of a front end shows the last status of all. */
  readonly #busyWith: Parent[] = [];
  #warmed = false;
  #warming: NodeJS.Timeout | undefined;
  /** Some request was answered: the kernel has started. */
  #answered = false;
  #ended = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { codec, transport, log } = options;
    this.#dropped = new LimitedLog(log);
    this.#outbox = createOutbox(codec, transport);
    const iopub = (this.#iopub = new Iopub(codec, transport));
    const executions = this.#executions;
    this.#history = new History({ path: options.historyPath, log });
    const comms = (this.#comms = new Comms({
      iopub,
      executions,
      toRuntime: (message) => this.#host.send(message),
      toPython: (message, id) => this.#python?.comm(message, id) ?? false,
    }));
    const stdin = (this.#stdin = new Stdin({
      outbox: this.#outbox,
      executions,
      answer: (answer, blocking) => (blocking ? this.#host.sendControl(answer) : this.#host.send(answer)),
    }));
    const training = new TrainingDisplay(iopub);
    let compiler: SessionCompiler | undefined;
    const names = (): string[] => compiler?.bindings().map(({ name }) => name) ?? [];
    const output = new RuntimeOutput({
      iopub,
      executions,
      comms,
      stdin,
      training,
      magic: (message) => void magicRunner.answer(message),
      request: (message) => void magicRunner.request(message),
      surroundings: (change) => surroundings.adopt(change, 'runtime'),
      names,
    });
    const host = (this.#host = options.createHost(output));
    const surroundings: Surroundings = (this.surroundings = new Surroundings({
      directory: options.directory,
      environment: options.environment,
      send: (message) => host.send(message),
      language: () => typeChecks.service(),
    }));
    const typeChecks = (this.#typeChecks = new TypeChecks({
      language: options.language,
      iopub,
      settings: surroundings.settings,
      log,
      names,
    }));
    const loadPython = once(() =>
      options.createPython({
        surroundings,
        sink: {
          output(message) {
            if (message.type !== 'comm') return output.output(message);
            comms.send(message, 'python');
            return iopub.backPressure();
          },
        },
        ask: async (execution, question) =>
          await new Promise((resolve) => {
            stdin.ask({ type: 'input', id: 0, execution, blocking: false, ...question }, resolve);
          }),
      }),
    );
    const python = async (): Promise<PythonHost> => (this.#python = await loadPython());
    const loadCompiler = async (): Promise<SessionCompiler> =>
      (compiler = this.#compiler ??= await options.compiler());
    const cells = (this.#cells = new CellRunner({
      compiler: loadCompiler,
      host,
      executions,
      iopub,
      stdin,
      history: this.#history,
      surroundings,
      typeChecks,
      magics: () => magicRunner,
      assistance: () => this.#assistance,
      waitForTypes: options.waitForTypes,
      unattended: output.unattended,
    }));
    const magicRunner: MagicRunner = new MagicRunner({
      registry: options.magics,
      executions,
      iopub,
      host,
      surroundings,
      bindings: () => compiler?.bindings() ?? [],
      training,
      runSource: (source, execution) => cells.runSource(source, execution),
      python,
    });
    this.#assistance = new Assistance({
      magics: options.magics,
      typeChecks,
      host,
      python: () => this.#python,
    });
    host.onReplaced(() => {
      compiler?.reset();
      void typeChecks.reset();
      comms.closeAll();
      stdin.forgetAll();
      surroundings.repeat();
      training.runtimeEnded();
      const last = executions.find(0);
      if (last) iopub.stream('stderr', VARIABLES_GONE, last.parent);
    });
    this.#handlers = this.#table();
  }

  /** Begins to listen. */
  start(): void {
    const { transport } = this.#options;
    let subscribed = false;
    transport.onSubscribe((topic) => {
      this.#iopub.publish('iopub_welcome', { subscription: topic.toString() }, undefined);
      // Said once, when somebody can hear it: before the first subscription it would reach nobody.
      if (!subscribed && !this.#answered)
        this.#iopub.publish('status', { execution_state: 'starting' }, undefined);
      subscribed = true;
    });
    for (const channel of ['control', 'shell', 'stdin'] as const) {
      transport.receive(channel, (frames) => this.#receive(channel, frames));
    }
    // The first cell finds it loaded; whoever asks for kernel_info at once does not wait for it.
    setTimeout(() => void this.#options.compiler(), LOAD_AFTER_MS).unref();
    // Whoever opens a notebook reads it first: by the time of the first cell all is warm.
    this.#warmAfter(IDLE_AFTER_MS);
  }

  /** Whether a cell has run. */
  get hasRun(): boolean {
    return this.#executions.find(0) !== undefined;
  }

  /** Stops what runs in all shells, and what magics and questions wait for. */
  async interrupt(): Promise<void> {
    for (const execution of this.#executions.running()) execution.abort.abort();
    this.#stdin.forgetAll();
    const failed = (error: unknown): void => this.#options.log(`interrupt: ${String(error)}`);
    await Promise.all([this.#python?.interrupt().catch(failed), this.#host.interrupt().catch(failed)]);
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
    this.#compiler?.dispose();
    await Promise.allSettled([
      this.#host.dispose(),
      this.#python?.dispose(),
      this.#typeChecks.dispose(),
      this.#history.close(),
    ]);
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
        if (!this.#stdin.receive(message)) this.#dropped.log('stdin: unexpected reply');
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
    if (content) this.#outbox.reply(channel, replyType(type), content, parent);
    this.#iopub.publish('status', { execution_state: 'idle' }, parent);
    // Front ends and servers show the status that came last, whoever's it was: a cell still runs.
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
        const reply = await this.#cells.run(request, parent);
        stop = reply.status === 'error' && request.stop_on_error;
        if (stop) {
          // What the client had sent before it could know of the error may still be on its way through the socket.
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
   * What makes the next steps fast, unless a cell begins or ends before: beside short cells, one after the other, it would
   * make them slower.
   */
  #warmAfter(ms: number): void {
    clearTimeout(this.#warming);
    if (!this.#warmed) this.#warming = setTimeout(() => this.#warm(), ms).unref();
  }

  #warm(): void {
    if (this.#ended) return;
    this.#typeChecks.start().catch((error: unknown) => this.#options.log(`types: ${String(error)}`));
    // The process that computes loads nothing beside a cell, whose interrupt would find it half loaded.
    if (this.#busyWith.length > 0) return;
    this.#warmed = true;
    this.#host.send({ type: 'preload' });
  }

  #table(): Record<RequestChannel, Partial<Record<RequestType, Handler>>> {
    const info: Handler = () => this.#options.info;
    const comm: Handler = (message) => {
      const { parent } = message;
      const { count } = this.#executions.find(0) ?? { count: 0 };
      const execution = this.#executions.begin({ parent, count, silent: false, allowStdin: false });
      execution.running = false;
      this.#comms.receive(message, execution.id);
      return undefined;
    };
    const shell: Partial<Record<RequestType, Handler>> = {
      kernel_info_request: info,
      connect_request: () => connectReply(this.#options.transport.ports),
      complete_request: ({ content }) => this.#assistance.complete(readContent('complete_request', content)),
      inspect_request: ({ content }) => this.#assistance.inspect(readContent('inspect_request', content)),
      is_complete_request: async ({ content }): Promise<IsCompleteReply> => {
        const { code } = readContent('is_complete_request', content);
        // `name?` asks for help; `name ?` begins a condition.
        if (askedFor(code) && !/\s\?/.test(code.trim())) return { status: 'complete' };
        return (
          (await this.#assistance.isComplete(code)) ??
          (await (await this.#options.compiler()).isComplete(code))
        );
      },
      history_request: async ({ content }): Promise<HistoryReply> => ({
        status: 'ok',
        history: await this.#history.find(readContent('history_request', content)),
      }),
      comm_info_request: ({ content }): CommInfoReply => ({
        status: 'ok',
        comms: this.#comms.list(readContent('comm_info_request', content).target_name),
      }),
      comm_open: comm,
      comm_msg: comm,
      comm_close: comm,
    };
    const control: Partial<Record<RequestType, Handler>> = {
      kernel_info_request: info,
      interrupt_request: async () => {
        // Answered when it has taken effect, so that it cannot hit a cell that the client runs after the answer.
        await Promise.race([
          this.interrupt(),
          new Promise((resolve) => setTimeout(resolve, INTERRUPT_MS).unref()),
        ]);
        return { status: 'ok' };
      },
      shutdown_request: ({ content, parent }) => {
        const reply = { status: 'ok', restart: readContent('shutdown_request', content).restart } as const;
        this.#iopub.publish('shutdown_reply', reply, parent);
        setImmediate(() => this.#options.exit());
        return reply;
      },
      debug_request: ({ content }): DebugReply => {
        const { seq, command } = readContent('debug_request', content);
        const message = 'this kernel has no debugger yet';
        return { type: 'response', request_seq: seq, success: false, command, message };
      },
      create_subshell_request: () => ({ status: 'ok', subshell_id: this.#subshells.create() }),
      delete_subshell_request: ({ content }) => {
        const { subshell_id: id } = readContent('delete_subshell_request', content);
        if (this.#subshells.delete(id)) return { status: 'ok' };
        throw new WireError('invalid-content', `unknown subshell_id ${JSON.stringify(id)}`);
      },
      list_subshell_request: () => ({ status: 'ok', subshell_id: this.#subshells.list() }),
    };
    // Clients older than protocol 5.4 send these on shell.
    shell.shutdown_request = control.shutdown_request!;
    shell.interrupt_request = control.interrupt_request!;
    return { shell, control, stdin: {} };
  }
}

const VARIABLES_GONE =
  'The runtime process was replaced by a new one: variables, functions and imports of earlier cells are lost.\n';

function replyType(type: RequestType): string {
  return type.replace(/_request$/, '_reply');
}

function connectReply(ports: Ports): ConnectReply {
  return {
    status: 'ok',
    shell_port: ports.shell,
    iopub_port: ports.iopub,
    stdin_port: ports.stdin,
    control_port: ports.control,
    hb_port: ports.hb,
  };
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

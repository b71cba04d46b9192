/**
 * The runtime process: takes compiled cells, runs them, and tells how they ended.
 *
 * JavaScript may be terminated at any point of a cell, and then neither `finally` blocks nor pending microtasks run.
 * So whether an execution has ended is never left to a promise alone: `interrupt` and `recover` end executions
 * themselves, and what a promise says afterwards is ignored.
 */
import type { CompiledCell } from '../kernel/contracts/compiled-cells.ts';
import type { ExecuteRequest, MainMessage } from '../kernel/contracts/messages.ts';
import type { CellError } from '../kernel/contracts/values.ts';
import { CellRun, type RunEnvironment } from './cell-run.ts';
import { Shared } from '../kernel/channel/control-link.ts';
import { describeError } from './errors.ts';
import { evaluate, type EvaluatedValues } from './evaluation.ts';
import { Execution, interruptedError } from './execution.ts';
import type { InputRequests } from './input.ts';
import { inspectPath } from './inspect-path.ts';
import type { KernelChannel } from './kernel-channel.ts';
import { KernelRequests } from './kernel-requests.ts';
import type { Modules } from './modules/index.ts';
import type { LazyLibrary } from './lazy-library.ts';
import { Interrupts } from './interrupts.ts';
import { LateErrors } from './late-errors.ts';
import { Names } from './names.ts';
import type { RuntimeNotebookHost } from './notebook-host.ts';
import type { Rendered } from './rendered.ts';
import { describeThrown } from './reported-error.ts';
import type { Settling } from './settling.ts';
import { SurroundingsReport } from './surroundings-report.ts';
import { isThenable } from './thenable.ts';
import type { Tracker } from './tracking.ts';

/** The library is loaded when no cell has run for this long. */
const IDLE_MS = 400;

export interface RuntimeParts {
  channel: KernelChannel;
  tracker: Tracker;
  settling: Settling;
  modules: Modules;
  input: InputRequests;
  notebookHost: RuntimeNotebookHost;
  state: Int32Array;
  library: LazyLibrary;
  /** Native output up to here has left the process. */
  flushNative(execution: number): void;
  /** Puts back the hooks of a cell that a termination has taken out. */
  restoreHooks(): void;
  /** State of the tensor library, to be put back after a termination. */
  saveEngine(): unknown;
  restoreEngine(saved: unknown): void;
}

export class Runtime {
  readonly names = new Names();
  readonly requests = new KernelRequests((message) => {
    this.#reportSurroundings();
    this.#parts.channel.send(message);
  });
  readonly #surroundings = new SurroundingsReport();
  readonly #running = new Map<number, Execution>();
  readonly #recent = new Map<number, Execution>();
  readonly #late = new LateErrors((id, withheld) =>
    this.#parts.channel.stream(
      'stderr',
      id,
      `${withheld} more ${withheld === 1 ? 'error' : 'errors'} like these, not shown: each was thrown in a callback, or was an unhandled rejection\n`,
    ),
  );
  #parts!: RuntimeParts;
  /** Interrupts and terminations. */
  interrupts!: Interrupts;
  #environment!: RunEnvironment;
  #last: Execution | undefined;
  #idle: NodeJS.Timeout | undefined;
  #engine: unknown;

  connect(parts: RuntimeParts): void {
    this.#parts = parts;
    const { channel, tracker, modules, library, state } = parts;
    this.interrupts = new Interrupts({
      channel,
      tracker,
      modules,
      library,
      state,
      running: () => this.#running.values(),
      end: (execution, error) => this.#end(execution, error),
      drain: () => this.drain(),
      restoreHooks: () => parts.restoreHooks(),
      restoreEngine: () => parts.restoreEngine(this.#engine),
    });
    this.#environment = {
      tracker,
      library,
      state,
      names: this.names,
      interrupts: this.interrupts,
      services: {
        names: this.names,
        tracker,
        fallback: () => this.#fallback(),
        importModule: (specifier, attributes, names) => modules.import(specifier, attributes, names),
        meta: () => modules.meta,
        require: () => modules.require,
        module: () => modules.module,
        magic: (execution, name, line) => this.requests.magic(execution, name, line),
        print: (text) => void process.stdout.write(text),
      },
      complete: (execution) => this.#complete(execution),
      end: (execution, error) => this.#end(execution, error),
    };
  }

  #reportSurroundings(): void {
    this.#surroundings.send((change) => this.#parts.channel.send({ type: 'surroundings', ...change }));
  }

  /** The execution of the calling code: exactly where it can be told, else the running or the last one. */
  owner(): Execution | undefined {
    return this.#parts.tracker.current() ?? this.#fallback();
  }

  find(id: number): Execution | undefined {
    return this.#running.get(id) ?? this.#recent.get(id);
  }

  #fallback(): Execution | undefined {
    let running: Execution | undefined;
    for (running of this.#running.values());
    return running ?? this.#last;
  }

  /** Handles everything that was taken in. A termination leaves it in the middle; `recover` calls it again. */
  drain(): void {
    const { channel } = this.#parts;
    while (channel.waiting) {
      // Nothing begins before a termination is over, or it might hit that instead.
      if (this.interrupts.terminated) return;
      const { message, sequence } = channel.next();
      Atomics.store(this.#parts.state, Shared.taken, sequence);
      const ended = sequence <= Atomics.load(this.#parts.state, Shared.endedUpTo);
      if (!ended || (message.type !== 'execute' && message.type !== 'evaluate')) {
        this.interrupts.handling = sequence;
        try {
          this.#handle(message, sequence);
        } catch (error) {
          this.lateError(error, undefined);
        }
        this.interrupts.handling = 0;
      } else if (message.type === 'execute') {
        // Sent before an interrupt, and not begun: it ends like what runs.
        this.#parts.flushNative(message.execution);
        channel.send({ type: 'done', execution: message.execution, declared: [], error: interruptedError() });
      } else {
        const error = interruptedError();
        const values = Object.fromEntries(Object.keys(message.expressions).map((name) => [name, { error }]));
        channel.send({ type: 'evaluated', id: message.id, values });
      }
    }
  }

  #handle(message: MainMessage, sequence: number): void {
    const { channel, input } = this.#parts;
    switch (message.type) {
      case 'execute':
        this.#execute(message, sequence);
        break;
      case 'evaluate':
        evaluate(
          message,
          sequence,
          (execution, cell, show) => {
            this.#begin(execution);
            this.#run(execution, cell, show);
          },
          (values) => this.#evaluated(message.id, values),
        );
        break;
      case 'inspect': {
        const found = inspectPath(message.path, this.names);
        channel.send({ type: 'inspected', id: message.id, found: found !== undefined, ...found });
        break;
      }
      case 'directory':
        process.chdir(message.path);
        // Noted at once: a cell may change it back.
        this.#reportSurroundings();
        break;
      case 'environment':
        if (message.value === undefined) delete process.env[message.name];
        else process.env[message.name] = message.value;
        this.#reportSurroundings();
        break;
      case 'preload':
        void this.#preload();
        break;
      case 'magic-reply':
        this.requests.reply(message);
        break;
      case 'ask':
        this.#answer(message.id, message.question, message.argument);
        break;
      case 'comm':
        this.#comm(message);
        break;
      case 'input-reply':
        input.reply(message.id, message.value, message.error);
        break;
    }
  }

  #execute(request: ExecuteRequest, sequence: number): void {
    const execution = new Execution(request.execution, {
      sequence,
      silent: request.silent,
      allowStdin: request.allowStdin,
      finish: (ended, error) => {
        this.#parts.flushNative(ended.id);
        this.#reportSurroundings();
        this.#parts.channel.send({
          type: 'done',
          execution: ended.id,
          declared: ended.declared,
          ...(error ? { error } : {}),
          ...(ended.hint === undefined ? {} : { hint: ended.hint }),
        });
      },
    });
    this.#begin(execution);
    this.#parts.settling.begin(execution);
    this.#run(execution, request.cell, (shown) => {
      if (!execution.silent)
        this.#parts.channel.send({ type: 'result', execution: execution.id, payload: shown });
    });
  }

  /** A value that cannot be sent is an error of its expression. */
  #evaluated(id: number, values: EvaluatedValues): void {
    const { channel } = this.#parts;
    try {
      channel.send({ type: 'evaluated', id, values });
    } catch (thrown) {
      const error = describeThrown(thrown, this.names);
      const failed = Object.fromEntries(Object.keys(values).map((name) => [name, { error }]));
      channel.send({ type: 'evaluated', id, values: failed });
    }
  }

  async #preload(): Promise<void> {
    const { preload } = await this.#parts.library.load();
    await preload();
  }

  /** The state of the tensor library before anything has used it is the one to go back to. */
  libraryLoaded(): void {
    this.#engine = this.#parts.saveEngine();
  }

  /** Loads the library when no cell has run for a moment. */
  loadLibraryWhenIdle(): void {
    const { library } = this.#parts;
    clearTimeout(this.#idle);
    if (library.loaded || library.loading) return;
    this.#idle = setTimeout(() => {
      // A timer can come between a termination and its end, which would find the library half loaded.
      if (this.interrupts.terminated) this.loadLibraryWhenIdle();
      else if (this.#running.size === 0) library.load().catch((error) => this.lateError(error, undefined));
    }, IDLE_MS).unref();
  }

  #begin(execution: Execution): void {
    const first = this.#running.size === 0;
    this.#running.set(execution.id, execution);
    Atomics.store(this.#parts.state, Shared.running, this.#running.size);
    this.#last = execution;
    const engine = this.#parts.tracker.run(execution, () => this.#parts.saveEngine());
    if (first) this.#engine = engine;
    Atomics.store(this.#parts.state, Shared.interrupted, 0);
  }

  #run(execution: Execution, cell: CompiledCell, show: (payload: Rendered) => void): void {
    new CellRun(this.#environment, execution, cell, show).start();
  }

  /** Its code has run; an unattended execution also waits for what that left behind. */
  #complete(execution: Execution): void {
    const { settling, tracker } = this.#parts;
    const end = (): void => this.#end(execution, undefined);
    // In no execution: the wait itself must not count as work of this one.
    tracker.run(undefined, () => {
      const waiting = settling.wait(execution);
      if (waiting) void waiting.then(end);
      else end();
    });
  }

  /**
   * Marks it as ended only when everything was sent: a termination in here leads to `recover`, which does it again,
   * and the kernel process ignores a second `done`.
   */
  #end(execution: Execution, error: CellError | undefined): void {
    if (execution.ended) return;
    execution.stopSettling?.();
    for (let listener = execution.endListeners.shift(); listener; listener = execution.endListeners.shift()) {
      try {
        listener();
      } catch (failure) {
        this.lateError(failure, execution);
      }
    }
    execution.finish(execution, error);
    execution.ended = true;
    this.#running.delete(execution.id);
    Atomics.store(this.#parts.state, Shared.running, this.#running.size);
    this.#remember(execution);
    execution.interruptListeners.clear();
    // It is remembered for its late output, not for its value: that may be a tensor that no code can reach.
    execution.result = undefined;
    this.interrupts.holdsChanged();
    if (!this.#parts.library.loaded) this.loadLibraryWhenIdle();
  }

  #remember(execution: Execution): void {
    this.#recent.set(execution.id, execution);
    if (this.#recent.size > 500) this.#recent.delete(this.#recent.keys().next().value as number);
  }

  /** Output of a handler belongs to the message that called it. */
  #comm(message: Extract<MainMessage, { type: 'comm' }>): void {
    const { notebookHost, tracker } = this.#parts;
    const owner = new Execution(message.execution, {
      sequence: 0,
      silent: false,
      allowStdin: false,
      finish: () => {},
    });
    this.#remember(owner);
    try {
      tracker.run(owner, () => notebookHost.receiveComm(message));
    } catch (error) {
      this.lateError(error, owner);
    }
  }

  #answer(id: number, question: string, argument: unknown): void {
    const { channel, notebookHost } = this.#parts;
    const fail = (error: unknown): void =>
      channel.send({ type: 'answered', id, value: undefined, error: describeError(error).message });
    const reply = (value: unknown): void => {
      try {
        channel.send({ type: 'answered', id, value });
      } catch (error) {
        fail(error);
      }
    };
    const answer = (): void => {
      try {
        const value = notebookHost.ask(question, argument);
        if (isThenable(value)) Promise.resolve(value).then(reply, fail);
        else reply(value);
      } catch (error) {
        fail(error);
      }
    };
    const { library } = this.#parts;
    if (library.loaded) answer();
    else library.load().then(answer, fail);
  }

  /** An error that ends no cell. Of a flood the first few are shown, the others counted. */
  lateError(error: unknown, execution: Execution | undefined): void {
    const id = execution?.id ?? this.#fallback()?.id ?? 0;
    if (this.#late.admit(id)) {
      this.#parts.channel.send({
        type: 'late-error',
        execution: id,
        error: describeThrown(error, this.names),
      });
    }
    // An unattended cell fails with it: nothing more is worth waiting for.
    for (const running of this.#running.values()) running.stopSettling?.();
  }
}

/** One compiled cell or user expression: its code runs, then its value is shown, then its execution ends. */
import { Writable } from 'node:stream';
import { types } from 'node:util';
import { constants as vmConstants, Script } from 'node:vm';
import { Shared } from '../kernel/channel/control-link.ts';
import type { CompiledCell } from '../kernel/contracts/compiled-cells.ts';
import type { CellError } from '../kernel/contracts/values.ts';
import { createCellContext, type CellServices } from './cell-context.ts';
import { interruptedError, type Execution } from './execution.ts';
import type { Interrupts } from './interrupts.ts';
import { mayNeedLibrary, type LazyLibrary } from './lazy-library.ts';
import type { Names } from './names.ts';
import type { Rendered } from './rendered.ts';
import { describeThrown } from './reported-error.ts';
import { registerSource } from './stack.ts';
import { isShownAwaited } from './thenable.ts';
import type { Tracker } from './tracking.ts';

/** The parts of the runtime process that a cell runs in. */
export interface RunEnvironment {
  readonly tracker: Tracker;
  readonly library: LazyLibrary;
  readonly state: Int32Array;
  readonly names: Names;
  readonly interrupts: Interrupts;
  readonly services: CellServices;
  /** The code has run and its value is shown. */
  complete(execution: Execution): void;
  end(execution: Execution, error: CellError): void;
}

export class CellRun {
  readonly #environment: RunEnvironment;
  readonly #execution: Execution;
  readonly #cell: CompiledCell;
  readonly #show: (payload: Rendered) => void;

  /** @param show gets the value of the last expression, if it is not undefined */
  constructor(
    environment: RunEnvironment,
    execution: Execution,
    cell: CompiledCell,
    show: (payload: Rendered) => void,
  ) {
    this.#environment = environment;
    this.#execution = execution;
    this.#cell = cell;
    this.#show = show;
  }

  start(): void {
    const { library } = this.#environment;
    // Once begun it is waited for: a busy cell would keep it half loaded, and a termination then would end the process.
    if (library.loading || (!library.loaded && mayNeedLibrary(this.#cell.code))) {
      const start = (): void => {
        if (!this.#execution.ended) this.start();
      };
      library.load().then(start, this.#fail);
      return;
    }
    try {
      this.#runCode();
    } catch (error) {
      this.#fail(error);
    }
  }

  #runCode(): void {
    const { services, tracker } = this.#environment;
    const { code, filename, map, async } = this.#cell;
    registerSource(filename, map);
    const script = new Script(code, {
      filename,
      importModuleDynamically: vmConstants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    const body = script.runInThisContext() as (context: unknown) => unknown;
    const context = createCellContext(services, this.#execution, this.#cell);
    const outcome = tracker.run(this.#execution, () => body(context));
    if (!async) this.#finished();
    else if (types.isPromise(outcome))
      outcome.then(
        this.#guarded(() => this.#finished()),
        this.#fail,
      );
    else throw new Error('internal error: the code of an asynchronous cell returned no promise');
  }

  #finished(): void {
    const { tracker } = this.#environment;
    const value = shownValue(this.#execution);
    // The value of a cell that ends in a promise is what it resolves to.
    if (isShownAwaited(value))
      void tracker.run(this.#execution, () => Promise.resolve(value).then(this.#render, this.#fail));
    else this.#render(value);
  }

  /** Otherwise, an error in a callback of a promise would leave the cell without an end. */
  #guarded<T>(action: (value: T) => void): (value: T) => void {
    return (value) => {
      try {
        action(value);
      } catch (error) {
        this.#fail(error);
      }
    };
  }

  readonly #fail = (error: unknown): void => {
    const { names, state } = this.#environment;
    // A child process that the interrupt ended makes its caller throw: the reason is the interrupt.
    const interrupted = Atomics.load(state, Shared.interrupted) === 1;
    this.#environment.end(this.#execution, interrupted ? interruptedError() : describeThrown(error, names));
  };

  readonly #render = (value: unknown): void => {
    if (this.#isOver) return;
    if (value === undefined) {
      this.#rendered(undefined);
      return;
    }
    const { library, tracker } = this.#environment;
    try {
      const payload = tracker.run(this.#execution, () => library.render(value));
      if (payload instanceof Promise)
        payload.then(
          this.#guarded((rendered: Rendered | undefined) => this.#rendered(rendered)),
          this.#fail,
        );
      else this.#rendered(payload);
    } catch (error) {
      this.#fail(error);
    }
  };

  #rendered(payload: Rendered | undefined): void {
    if (this.#isOver) return;
    if (this.#environment.interrupts.isInterrupting(this.#execution)) {
      // The interrupt ended what the cell waited for, before this thread heard of it.
      this.#environment.end(this.#execution, interruptedError());
      return;
    }
    if (payload) this.#show(payload);
    this.#environment.complete(this.#execution);
  }

  get #isOver(): boolean {
    return this.#execution.interrupted || this.#execution.ended;
  }
}

/** The value of the last expression; nothing for what a method of an output stream returns. */
function shownValue({ result, receiver }: Execution): unknown {
  const value = result?.value;
  const isStreams = typeof value === 'boolean' || value === receiver;
  return isStreams && !types.isProxy(receiver) && receiver instanceof Writable ? undefined : value;
}

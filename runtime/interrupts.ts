/** Interrupts of the runtime process: how executions end when the user asks for it, and what a termination leaves behind. */
import { Shared } from '../kernel/channel/control-link.ts';
import { endProcessTree } from '../kernel/channel/descendants.ts';
import type { CellError } from '../kernel/contracts/values.ts';
import { ChildSignals } from './child-signals.ts';
import { interruptedError, type Execution } from './execution.ts';
import type { KernelChannel } from './kernel-channel.ts';
import type { LazyLibrary } from './lazy-library.ts';
import type { Modules } from './modules/index.ts';
import type { Tracker } from './tracking.ts';

/** The runtime process as interrupts see it. */
export interface InterruptedRuntime {
  readonly channel: KernelChannel;
  readonly tracker: Tracker;
  readonly modules: Modules;
  readonly library: LazyLibrary;
  readonly state: Int32Array;
  /** Executions that have not ended. */
  running(): Iterable<Execution>;
  end(execution: Execution, error: CellError): void;
  /** Handles everything that was taken in. */
  drain(): void;
  /** Puts back the hooks of a cell that a termination has taken out. */
  restoreHooks(): void;
  /** Puts the tensor library back to where it was before the first of the running executions. */
  restoreEngine(): void;
}

export class Interrupts {
  /** Number of the message whose handling has not come to its end; still set after a termination in it. */
  handling = 0;
  readonly #runtime: InterruptedRuntime;
  /** The last termination after which everything was put in order, whether or not it was over. */
  #clearedUp = 0;

  constructor(runtime: InterruptedRuntime) {
    this.#runtime = runtime;
  }

  /** Tells the control thread whether a listener wants to finish a batch before the cell ends. */
  holdsChanged(): void {
    let holds = 0;
    for (const execution of this.#runtime.running()) holds += execution.interruptListeners.size;
    Atomics.store(this.#runtime.state, Shared.holds, holds);
  }

  /**
   * The main thread is at its event loop, so whatever runs is awaiting something. Listeners of the first interrupt may
   * finish a batch; a second one does not wait for them.
   */
  interrupt(): void {
    const { channel, modules, state } = this.#runtime;
    const sequence = Atomics.load(state, Shared.sequence);
    Atomics.store(state, Shared.asked, sequence);
    if (this.terminated) {
      this.#clearUp();
      return;
    }
    this.#runtime.restoreHooks();
    new ChildSignals(sequence, state, 'main').signal();
    const holding: Promise<unknown>[] = [];
    modules.abandon();
    for (const execution of this.#interruptible()) {
      if (execution.interruptListeners.size === 0 || execution.finishing) this.#interruptNow(execution);
      else holding.push(this.#letFinish(execution));
    }
    if (holding.length === 0) channel.internal({ type: 'interrupted', sequence });
    else {
      void Promise.allSettled(holding).then(() => channel.internal({ type: 'interrupted', sequence }));
    }
  }

  /** JavaScript was terminated, or (not yet final) is about to be. */
  recover(count: number, final: boolean): void {
    const { state } = this.#runtime;
    if (Atomics.load(state, Shared.recovered) >= count) return;
    if (final || this.#clearedUp < count) this.#clearUp();
    if (!final) return;
    Atomics.store(state, Shared.recovered, count);
    this.#runtime.drain();
  }

  /** A termination has begun and is not yet known to be over. */
  get terminated(): boolean {
    const { state } = this.#runtime;
    return Atomics.load(state, Shared.terminations) > Atomics.load(state, Shared.recovered);
  }

  /** Nothing that ran goes on by itself; may be called more than once. */
  #clearUp(): void {
    const { channel, library, modules, state, tracker } = this.#runtime;
    const sequence = Atomics.load(state, Shared.sequence);
    Atomics.store(state, Shared.asked, sequence);
    if (library.loading || modules.loadingCompiler) {
      // A fresh process does less harm than one in which every import waits for ever.
      channel.internal({ type: 'giving-up', why: 'it was interrupted while it loaded parts of itself' });
      endProcessTree();
    }
    Atomics.store(state, Shared.critical, 0);
    this.#runtime.restoreHooks();
    tracker.reset();
    this.#runtime.restoreEngine();
    modules.abandon();
    for (const execution of this.#interruptible()) this.#interruptNow(execution);
    this.handling = 0;
    this.#clearedUp = Atomics.load(state, Shared.terminations);
    channel.resynchronize(Array.from(this.#runtime.running(), ({ id }) => id));
    channel.internal({ type: 'interrupted', sequence });
  }

  /** An interrupt has come that no listener of the execution handles. */
  isInterrupting(execution: Execution): boolean {
    const { state } = this.#runtime;
    return (
      Atomics.load(state, Shared.interrupted) === 1 &&
      execution.sequence > 0 &&
      execution.sequence <= Atomics.load(state, Shared.endedUpTo) &&
      Atomics.load(state, Shared.asked) < Atomics.load(state, Shared.sequence) &&
      execution.interruptListeners.size === 0
    );
  }

  /** Executions from before the interrupt, and one that a late termination has hit. */
  #interruptible(): Execution[] {
    const last = Atomics.load(this.#runtime.state, Shared.endedUpTo);
    return [...this.#runtime.running()].filter(
      ({ sequence }) => sequence <= last || sequence === this.handling,
    );
  }

  #interruptNow(execution: Execution): void {
    execution.interrupted = true;
    this.#runtime.end(execution, interruptedError());
  }

  async #letFinish(execution: Execution): Promise<void> {
    const { tracker, state } = this.#runtime;
    execution.finishing = true;
    const answers = await Promise.allSettled(
      [...execution.interruptListeners].map((listener) =>
        tracker.run(execution, async () => listener() as unknown),
      ),
    );
    execution.finishing = false;
    Atomics.store(state, Shared.interrupted, 0);
    if (execution.ended) return;
    if (answers.some((answer) => answer.status === 'fulfilled' && answer.value === 'continue')) return;
    this.#interruptNow(execution);
  }
}

/** Interrupts of the runtime process: until it confirms them, and what follows when it does not. */
import type { ControlReport } from '../channel/frames.ts';
import { continueStopped, isStopped } from '../processes/stopped.ts';
import type { RuntimeProcess } from './runtime-process.ts';

/** A control thread that does not confirm an interrupt within this time is not running. */
const UNHEARD_MS = 2000;

export interface InterruptParts {
  current: () => RuntimeProcess | undefined;
  /** Whether cells run. */
  busy: () => boolean;
  restart: (why: string) => Promise<void>;
  /** Shows a line to the user. */
  tell: (text: string) => void;
}

export class Interrupts {
  readonly #parts: InterruptParts;
  /** Callbacks for the end of an interrupt, by its number. */
  readonly #waiting = new Map<number, () => void>();
  /** Interrupts that the control thread has not confirmed. */
  readonly #unheard = new Set<number>();
  #last = 0;
  /** Interrupts since the first of the cells that run now was begun. */
  #insisted = 0;
  /** Set while the main thread of the runtime process is inside a native call that an interrupt waits for. */
  #stuck: { warned: boolean; restart: string } | undefined;

  constructor(parts: InterruptParts) {
    this.#parts = parts;
  }

  /** Whether an interrupt has not taken effect. */
  get pending(): boolean {
    return this.#waiting.size > 0;
  }

  /** The first of the cells that run now begins. */
  begin(): void {
    this.#insisted = 0;
  }

  /** A new process starts. */
  started(): void {
    this.#stuck = undefined;
    this.#unheard.clear();
  }

  /** Resolves when the runtime process has stopped what runs, or was replaced. */
  async interrupt(): Promise<void> {
    const { busy, tell } = this.#parts;
    const current = this.#parts.current();
    if (!current) return;
    // Nothing runs in a process that is still starting: there is only its own loading to disturb.
    if (!current.ready && !busy()) return;
    if (this.#stuck) {
      if (this.#stuck.warned) {
        await this.#parts.restart(this.#stuck.restart);
        return;
      }
      this.#stuck.warned = true;
      tell('still waiting. Interrupt once more to restart the runtime process (variables are lost).\n');
    }
    this.#insisted++;
    const sequence = ++this.#last;
    const ended = new Promise<void>((resolve) => this.#waiting.set(sequence, resolve));
    current.control({ type: 'interrupt', sequence, sent: current.sent });
    if (continueStopped(current.pid)) {
      tell('the runtime process was stopped by a signal; the interrupt resumed it.\n');
    }
    this.#unheard.add(sequence);
    setTimeout(() => {
      if (this.#parts.current() !== current || !this.#waiting.has(sequence)) return;
      if (!this.#unheard.delete(sequence) && !isStopped(current.pid)) return;
      this.#notAnswering(
        `the runtime process (${current.pid}) does not answer: it is stopped, or the machine is overloaded.`,
        'it was restarted because it did not answer several interrupts',
      );
    }, UNHEARD_MS);
    // A writer that a slow front end blocks can only end when its output is read.
    current.resume();
    await ended;
  }

  /** A report of the control thread. */
  report(report: ControlReport): void {
    if (report.type === 'heard') {
      for (const sequence of this.#unheard) if (sequence <= report.sequence) this.#unheard.delete(sequence);
      return;
    }
    if (report.sequence < this.#last || !this.pending) return;
    this.#notAnswering(
      'interrupted: waiting for a native operation to return; it cannot be stopped halfway.',
      'it was restarted because a native operation did not return after several interrupts',
    );
  }

  /** The main thread answers again. */
  answered(): void {
    this.#stuck = undefined;
  }

  /** Interrupts up to this one have taken effect. */
  ended(upTo: number): void {
    for (const [sequence, resolve] of this.#waiting) {
      if (sequence > upTo) continue;
      this.#waiting.delete(sequence);
      resolve();
    }
  }

  /** Warns once; the interrupt after the warning replaces the process. */
  #notAnswering(why: string, restart: string): void {
    if (this.#stuck) return;
    // A second interrupt (a training holds the first one until its batch has ended) has waited already.
    const warned = this.#insisted > 1;
    this.#stuck = { warned, restart };
    this.#parts.tell(
      `${why} ${
        warned
          ? 'Interrupt once more to restart the runtime process (variables are lost).'
          : 'Interrupt again to learn how to abort it.'
      }\n`,
    );
  }
}

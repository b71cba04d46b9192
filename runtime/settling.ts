/**
 * Programs that execute notebooks (nbclient, nbconvert, papermill, `tensorcell run`) read a cell's output only until
 * its idle status. For them the end of a cell waits for what the cell left behind: referenced timers, requests, and
 * pending promises. Intervals, servers and sockets do not count, since they may never end.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Execution } from './execution.ts';
import type { Tracker } from './tracking.ts';

/** Longest wait at the end of a cell, in seconds; `TENSORCELL_SETTLE_SECONDS` changes it, 0 turns the wait off. */
const DEFAULT_SECONDS = 30;
/** A pending promise that nothing visible can settle, and of which nothing has been heard for so long, is given up. */
const QUIET_MS = 1000;
const FIRST_POLL_MS = 2;
const LONGEST_POLL_MS = 50;

/** Resources that end by themselves. Others (sockets, child processes) count only while promises are pending. */
const TRANSIENT = /^(?:Timeout|Immediate|FSReq\w*|\w*ReqWrap|\w*Request)$/u;

type Counts = ReadonlyMap<string, number>;

export interface SettlingOptions {
  tracker: Tracker;
  /** Whether native code computes on a background thread, which Node does not list among its resources. */
  nativeWork: () => boolean;
  environment: NodeJS.ProcessEnv;
}

export class Settling {
  readonly #options: SettlingOptions;
  readonly #intervals = new Set<NodeJS.Timeout>();
  readonly #before = new WeakMap<Execution, Counts>();
  #prepared = false;

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  /** Notes what is active before the code of `execution` runs. */
  begin(execution: Execution): void {
    if (!execution.unattended || execution.silent || this.#limitMs() === 0) return;
    if (!this.#prepared) {
      this.#prepared = true;
      this.#options.tracker.countPromises();
      this.#watchIntervals();
    }
    this.#before.set(execution, this.#active());
  }

  /**
   * Resolves when nothing that `execution` left behind is going on any more, or when the limit has passed;
   * undefined when there is nothing to wait for. `execution.stopSettling` resolves it earlier.
   */
  wait(execution: Execution): Promise<void> | undefined {
    const before = this.#before.get(execution);
    if (!before) return undefined;
    const quiet = { since: performance.now(), activity: -1 };
    if (!this.#isActive(execution, before, quiet)) return undefined;
    return new Promise((resolve) => {
      const deadline = performance.now() + this.#limitMs();
      let timer: NodeJS.Timeout | undefined;
      const end = (): void => {
        clearTimeout(timer);
        execution.stopSettling = undefined;
        resolve();
      };
      const poll = (delay: number): void => {
        timer = setTimeout(() => {
          if (performance.now() >= deadline || !this.#isActive(execution, before, quiet)) end();
          else poll(Math.min(delay * 2, LONGEST_POLL_MS));
        }, delay).unref();
      };
      execution.stopSettling = end;
      poll(FIRST_POLL_MS);
    });
  }

  #isActive(execution: Execution, before: Counts, quiet: { since: number; activity: number }): boolean {
    const pending = execution.pendingPromises > 0;
    for (const [type, count] of this.#active()) {
      if (count > (before.get(type) ?? 0) && (pending || TRANSIENT.test(type))) return true;
    }
    if (!pending) return false;
    const now = performance.now();
    if (this.#options.nativeWork() || execution.promiseActivity !== quiet.activity) {
      quiet.activity = execution.promiseActivity;
      quiet.since = now;
    }
    return now - quiet.since < QUIET_MS;
  }

  /** How many resources of each type keep the event loop alive, without intervals. */
  #active(): Counts {
    const counts = new Map<string, number>();
    for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
    let intervals = 0;
    for (const interval of this.#intervals) {
      if (isCleared(interval)) this.#intervals.delete(interval);
      else if (interval.hasRef()) intervals++;
    }
    counts.set('Timeout', Math.max(0, (counts.get('Timeout') ?? 0) - intervals));
    return counts;
  }

  /** Node lists intervals as `Timeout`, so those that cells start are remembered. */
  #watchIntervals(): void {
    const intervals = this.#intervals;
    const timers = createRequire(import.meta.url)('node:timers') as object;
    for (const owner of [globalThis, timers]) {
      const original = Reflect.get(owner, 'setInterval') as (...values: unknown[]) => NodeJS.Timeout;
      const setInterval = function (this: unknown, ...values: unknown[]): NodeJS.Timeout {
        const interval = Reflect.apply<unknown, unknown[], NodeJS.Timeout>(original, this, values);
        intervals.add(interval);
        return interval;
      };
      Object.defineProperties(setInterval, Object.getOwnPropertyDescriptors(original));
      Object.defineProperty(owner, 'setInterval', {
        value: setInterval,
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
    syncBuiltinESMExports();
  }

  #limitMs(): number {
    const seconds = Number(this.#options.environment['TENSORCELL_SETTLE_SECONDS'] ?? DEFAULT_SECONDS);
    return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : DEFAULT_SECONDS * 1000;
  }
}

/** Node has no public way to ask; `_destroyed` is what its own `util.inspect` of a timer shows. */
function isCleared(timer: NodeJS.Timeout): boolean {
  return Reflect.get(timer, '_destroyed') === true;
}

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './c-api/api.ts';
import type { Pointer } from './c-api/structs.ts';
import type { PjrtError } from './errors.ts';

/** Polls without a pause before the thread sleeps: a small program is done within microseconds. */
const SPINS = 200;

/** The longest sleep between two polls: this long an interrupt may have to wait. */
const LONGEST_SLEEP_MS = 2;

/** How long the event loop polls each turn before it sets timers. */
const BUSY_MS = 1;

let cell: Int32Array | undefined;

/**
 * A PJRT_Event: work that the device does. PJRT_Event_Await cannot be interrupted, and PJRT_Event_OnReady calls
 * JavaScript from the plugin's threads, which deadlocks when this thread waits for them; so both waits here poll.
 */
export class Completion {
  readonly #api: Api;
  readonly #what: string;
  #event: Pointer;
  #error: PjrtError | undefined;
  /** Whether the error was thrown to a caller. */
  reported = false;

  /** @param event owned by this object from now on; 0 for work that is done. @param what for the message of an error */
  constructor(api: Api, event: Pointer, what: string) {
    this.#api = api;
    this.#event = event;
    this.#what = what;
  }

  /** Whether the work is done, successfully or not. */
  poll(): boolean {
    const event = this.#event;
    if (event === 0) return true;
    if (this.#api.act('EventIsReady', event, this.#what).get('isReady') === 0) return false;
    try {
      this.#api.act('EventError', event, this.#what);
    } catch (error) {
      this.#error = error as PjrtError;
    }
    this.#event = 0;
    this.#api.act('EventDestroy', event, this.#what);
    return true;
  }

  /** Why the work failed; undefined while it is not done, and when it succeeded. */
  get error(): PjrtError | undefined {
    this.poll();
    return this.#error;
  }

  /** Throws the error of work that is done and failed. */
  check(): void {
    const error = this.error;
    if (error === undefined) return;
    this.reported = true;
    throw error;
  }

  /** Blocks this thread until the work is done; JavaScript may be terminated meanwhile. */
  settleSync(): void {
    cell ??= new Int32Array(new SharedArrayBuffer(4));
    let pause = 0.02;
    for (let polls = 0; !this.poll(); polls++) {
      if (polls < SPINS) continue;
      Atomics.wait(cell, 0, 0, pause);
      pause = Math.min(pause * 2, LONGEST_SLEEP_MS);
    }
  }

  /** The same. @throws PjrtError when the work failed */
  waitSync(): void {
    this.settleSync();
    this.check();
  }

  /** Waits without blocking the event loop. */
  async settle(): Promise<void> {
    const begin = performance.now();
    while (!this.poll()) {
      if (performance.now() - begin < BUSY_MS) await nextTurn();
      else await sleep(1);
    }
  }

  /** The same. @throws PjrtError when the work failed */
  async wait(): Promise<void> {
    await this.settle();
    this.check();
  }
}

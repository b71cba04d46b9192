/**
 * Which execution does the running JavaScript belong to? Output of a timer or of a promise that a cell started has to
 * appear under that cell, whatever runs meanwhile.
 *
 * Two ways, by version of Node: `AsyncLocalStorage` where it is built on AsyncContextFrame (24 and later; 22 with a
 * flag), and promise hooks with wrapped timers elsewhere. Never `async_hooks`: terminating JavaScript while those are
 * on aborts Node 20 and 22.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { promiseHooks } from 'node:v8';
import { promisify } from 'node:util';
import type { Execution } from './execution.ts';
import { required } from '../src/base/required.ts';

export interface Tracker {
  readonly kind: 'context-frame' | 'promise-hooks';
  current(): Execution | undefined;
  run<T>(execution: Execution | undefined, action: () => T): T;
  /** The execution in which a promise was made, where that can be told. */
  ofPromise(promise: object): Execution | undefined;
  /** The execution whose callback has just thrown; forgotten by the call. */
  takeThrower(): Execution | undefined;
  /** From now on, unattended executions know how many of their promises are pending. */
  countPromises(): void;
  /** JavaScript was terminated: what it had entered is left. */
  reset(): void;
}

export function createTracker(): Tracker {
  return hasContextFrame() ? contextFrameTracker() : promiseHookTracker();
}

function hasContextFrame(): boolean {
  const flags = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/u)];
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 24) return !flags.includes('--no-async-context-frame');
  return flags.includes('--experimental-async-context-frame');
}

function contextFrameTracker(): Tracker {
  const storage = new AsyncLocalStorage<Execution | undefined>();
  return {
    kind: 'context-frame',
    current: () => storage.getStore(),
    run: (execution, action) => storage.run(execution, action),
    // Node calls the listeners of rejections and exceptions in the context that caused them.
    ofPromise: () => storage.getStore(),
    countPromises: () => countPromises(() => storage.getStore()),
    takeThrower: () => storage.getStore(),
    reset: () => storage.enterWith(undefined),
  };
}

/** A base class that returns the object it is given, so that a derived class can add a private field to it. */
const Given = function (this: unknown, object: object): object {
  return object;
} as unknown as new (object: object) => object;

/**
 * The execution that made a promise, in a private field of the promise: unlike a property, no inspection, spread or
 * proxy of the user's sees it.
 */
class Owned extends Given {
  #execution: Execution;

  private constructor(promise: object, execution: Execution) {
    super(promise);
    this.#execution = execution;
  }

  static mark(promise: object, execution: Execution): void {
    // The constructor's effect is the field; its value is the promise itself.
    if (!(#execution in promise)) void new Owned(promise, execution);
  }

  static of(promise: object): Execution | undefined {
    return #execution in promise ? promise.#execution : undefined;
  }
}

/** Counts the promises of unattended executions that are still pending (see settling.ts). */
function countPromises(current: () => Execution | undefined): void {
  promiseHooks.createHook({
    init(promise) {
      const execution = current();
      if (!execution?.unattended) return;
      Owned.mark(promise, execution);
      execution.pendingPromises++;
      execution.promiseActivity++;
    },
    settled(promise) {
      const execution = Owned.of(promise);
      if (!execution?.unattended) return;
      execution.pendingPromises--;
      execution.promiseActivity++;
    },
  });
}

function promiseHookTracker(): Tracker {
  let current: Execution | undefined;
  let thrower: Execution | undefined;

  const run = <T>(execution: Execution | undefined, action: () => T): T => {
    const outer = current;
    current = execution;
    try {
      return action();
    } catch (error) {
      thrower = execution;
      throw error;
    } finally {
      current = outer;
    }
  };

  promiseHooks.createHook({
    init(promise) {
      if (current) Owned.mark(promise, current);
    },
    before(promise) {
      current = Owned.of(promise);
    },
    after() {
      current = undefined;
    },
  });
  wrapTimers(() => current, run);

  return {
    kind: 'promise-hooks',
    current: () => current,
    run,
    ofPromise: (promise) => Owned.of(promise),
    countPromises: () => countPromises(() => current),
    takeThrower() {
      const last = thrower ?? current;
      thrower = undefined;
      return last;
    },
    reset() {
      current = undefined;
      thrower = undefined;
    },
  };
}

type Callback = (...values: unknown[]) => unknown;

function wrapTimers(
  current: () => Execution | undefined,
  run: <T>(execution: Execution | undefined, action: () => T) => T,
): void {
  const wrap = (owner: object, name: string): void => {
    const original = Reflect.get(owner, name) as Callback;
    const methods: Record<string, Callback> = {
      [name](this: unknown, callback: unknown, ...rest: unknown[]): unknown {
        const execution = current();
        if (!execution || typeof callback !== 'function') {
          return Reflect.apply(original, this, [callback, ...rest]);
        }
        const bound = function bound(this: unknown, ...values: unknown[]): unknown {
          return run(execution, () => Reflect.apply(callback, this, values) as unknown);
        };
        return Reflect.apply(original, this, [bound, ...rest]);
      },
    };
    const wrapped = required(methods[name], name);
    const custom = Object.getOwnPropertyDescriptor(original, promisify.custom);
    if (custom) Object.defineProperty(wrapped, promisify.custom, custom);
    Object.defineProperty(owner, name, {
      value: wrapped,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  };
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) wrap(globalThis, name);
  wrap(process, 'nextTick');
}

import { types } from 'node:util';

/**
 * Whether a cell's value is a promise, or what works like one: it is awaited before it is shown. Runs no getter and no
 * trap of a proxy, which only showing it would have run.
 */
export function isShownAwaited(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return false;
    const own = Object.getOwnPropertyDescriptor(at, 'then');
    if (own) return typeof own.value === 'function';
  }
  return false;
}

/** Whether `await` would wait for it. A getter of `then` that throws means no. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value instanceof Promise) return true;
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    return false;
  }
}

/**
 * Node aborts when JavaScript is terminated inside a promise's callback while a cell has switched on `async_hooks` (or,
 * before Node 24, `AsyncLocalStorage`): its stack of asynchronous contexts is then not empty where it has to be
 * ("Assertion failed: (env_->execution_async_id()) == (0)"). So that stack is emptied, and the hooks that would fill it
 * again are taken out, right before the termination; afterwards they are put back.
 */
import { promiseHooks } from 'node:v8';
import { quietly } from '../quietly.ts';

/** Node's `internalBinding('async_wrap')`, as far as it is used here (lib/internal/async_hooks.js). */
interface AsyncWrap {
  /** Counts of hooks; index 5 (`kTotals`) is their sum. */
  async_hook_fields?: Uint32Array;
  clearAsyncIdStack?: () => void;
  setPromiseHooks?: (init: undefined, before: undefined, after: undefined, settled: undefined) => void;
}

const TOTALS = 5;
const NAME = 'tensorcell.leaveAsyncHooks';

/** For the inspector: what to evaluate in the main thread before it terminates its JavaScript. */
export const LEAVE_ASYNC_HOOKS = `process[Symbol.for(${JSON.stringify(NAME)})]?.()`;

/** Makes `LEAVE_ASYNC_HOOKS` work in this process. The result puts the hooks back. */
export function prepareAsyncHooks(): () => void {
  let left = false;
  const { binding } = process as unknown as { binding?: (name: string) => AsyncWrap };
  let wrap: AsyncWrap | undefined;
  try {
    // Node warns that this is deprecated, and has no other way.
    wrap = quietly(/process\.binding/u, () => binding?.('async_wrap'));
  } catch {
    // A later version of Node without it.
  }
  Object.defineProperty(process, Symbol.for(NAME), {
    value: () => {
      if (!wrap?.async_hook_fields?.[TOTALS]) return;
      wrap.clearAsyncIdStack?.();
      wrap.setPromiseHooks?.(undefined, undefined, undefined, undefined);
      left = true;
    },
  });
  return () => {
    if (!left) return;
    left = false;
    // Any change makes Node set all hooks anew.
    promiseHooks.createHook({ init: () => undefined })();
  };
}

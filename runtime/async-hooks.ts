/**
 * Hooks of Node inside which JavaScript must not be terminated.
 *
 * Node aborts when that happens inside a promise's callback while a cell has switched on `async_hooks` (or, before Node 24,
 * `AsyncLocalStorage`): its stack of asynchronous contexts is then not empty where it has to be
 * ("Assertion failed: (env_->execution_async_id()) == (0)"). So that stack is emptied, and the hooks that would fill it again
 * are taken out, right before the termination; afterwards they are put back. The same is done with the function that is called
 * for rejections (rejection-hook.ts).
 */
import { performance } from 'node:perf_hooks';
import { promiseHooks } from 'node:v8';
import { Shared } from '../kernel/channel/control-link.ts';
import { findNodeInternals } from './node-internals.ts';
import type { NodeInternals } from './node-internals.ts';
import { rejectionHook } from './rejection-hook.ts';
import type { RejectionHook } from './rejection-hook.ts';

const TOTALS = 5;
const NAME = 'tensorcell.leaveHooks';

/** So long a hook may run that had begun when hooks were taken out, in milliseconds. */
const HOOK_MS = 4;
/** The control thread posts its request at once; on a machine without time for it nothing may hang. */
const POST_MS = 200;

/**
 * For the inspector: what to evaluate in the main thread before its JavaScript is terminated. A number of milliseconds after
 * which to evaluate it again, while the main thread may be inside a hook; 0 otherwise, and not before the control thread has
 * posted its request.
 */
export const LEAVE_HOOKS = `process[Symbol.for(${JSON.stringify(NAME)})]?.()`;

export interface LeftHooks {
  /** Puts the hooks back. */
  restore(): void;
  /**
   * Since a termination Node has not heard whether rejections are handled: the ones that it reports now were cut off from the
   * code that would have handled them.
   */
  readonly missesRejections: boolean;
}

/**
 * Makes `LEAVE_HOOKS` work in this process.
 *
 * @param state the array that the threads share
 */
export function prepareHooks(state: Int32Array): LeftHooks {
  let left = false;
  let wrap: NodeInternals['asyncWrap'];
  let rejections: RejectionHook | undefined;
  let rejectionsLeft = false;
  // Takes milliseconds, which no cell waits for.
  setImmediate(() => {
    const internals = findNodeInternals();
    wrap = internals.asyncWrap;
    rejections = rejectionHook(internals);
  });
  Object.defineProperty(process, Symbol.for(NAME), {
    value: () => {
      const inHooks = (wrap?.async_hook_fields?.[TOTALS] ?? 0) > 0;
      if (inHooks) {
        wrap?.clearAsyncIdStack?.();
        wrap?.setPromiseHooks?.(undefined, undefined, undefined, undefined);
      }
      const first = inHooks && !left;
      left ||= inHooks;
      if (rejections) {
        rejectionsLeft = true;
        rejections.leave();
        if (rejections.isRunning()) return 1;
      }
      if (first) return HOOK_MS;
      Atomics.store(state, Shared.left, 1);
      // Not `Atomics.wait`: the code that is to be ended may be in one, and V8 has one for each thread.
      const end = performance.now() + POST_MS;
      while (Atomics.load(state, Shared.posted) === 0 && performance.now() < end);
      return 0;
    },
  });
  const restore = (): void => {
    if (rejectionsLeft) {
      rejections?.restore();
      // The ones from before are reported in this turn.
      setImmediate(() => (rejectionsLeft = false));
    }
    if (!left) return;
    left = false;
    // Any change makes Node set all hooks anew.
    promiseHooks.createHook({ init: () => undefined })();
  };
  return {
    restore,
    get missesRejections() {
      return rejectionsLeft;
    },
  };
}

/**
 * V8 calls a JavaScript function of Node's for every rejected promise. When JavaScript is terminated inside that function, V8
 * postpones the termination: pure JavaScript runs on, nothing can be evaluated or terminated any more, and only the end of the
 * process helps. So the function is taken out right before a termination, and put back afterwards.
 */
import type { NodeInternals } from './node-internals.ts';

export interface RejectionHook {
  leave(): void;
  /** Whether the code that was interrupted for this call is inside the function. */
  isRunning(): boolean;
  restore(): void;
}

/** Undefined where this version of Node keeps the function elsewhere. */
export function rejectionHook({ taskQueue, promises }: NodeInternals): RejectionHook | undefined {
  if (!taskQueue?.setPromiseRejectCallback || !promises?.listenForRejections) return undefined;
  return {
    // A function of V8's own: it has no JavaScript that could be terminated.
    leave: () => taskQueue.setPromiseRejectCallback?.(Function.prototype),
    isRunning,
    restore: () => promises.listenForRejections?.(),
  };
}

/** The function's name in Node's lib/internal/process/promises.js. */
const HANDLER = 'promiseRejectHandler';

function isRunning(): boolean {
  const before: unknown = Reflect.get(Error, 'prepareStackTrace');
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 50;
    Error.prepareStackTrace = (_, sites) => sites.some((site) => site.getFunctionName() === HANDLER);
    return (new Error('where').stack as unknown) === true;
  } finally {
    Error.stackTraceLimit = limit;
    Reflect.set(Error, 'prepareStackTrace', before);
  }
}

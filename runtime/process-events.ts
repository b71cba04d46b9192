/** Events of `process` that keep the session alive, and that cells may listen to as well. */

// eslint-disable-next-line typescript/no-explicit-any -- as Node's own type of a listener
type Listener = (...values: any[]) => void;

/** Listeners of the runtime process itself. They stay when a cell calls `process.removeAllListeners`. */
const kept = new Map<string, Listener>();

/** Adds `listener` to `process` for the life of the process. */
export function listenAlways(event: string, listener: Listener): void {
  if (kept.size === 0) keepListeners();
  kept.set(event, listener);
  process.on(event, listener);
}

/** Whether a cell has a listener for `event`: then the cell handles it, as in a Node program. */
export function isHandledByUser(event: string): boolean {
  return process.listeners(event as 'exit').some((listener) => listener !== kept.get(event));
}

function keepListeners(): void {
  const original = process.removeAllListeners.bind(process);
  Object.defineProperty(process, 'removeAllListeners', {
    configurable: true,
    writable: true,
    enumerable: false,
    value(...events: [string?]): NodeJS.Process {
      original(...(events as []));
      for (const [event, listener] of kept) {
        if (!process.listeners(event as 'exit').includes(listener)) process.on(event, listener);
      }
      return process;
    },
  });
}

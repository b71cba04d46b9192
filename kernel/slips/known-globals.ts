/**
 * Names that mean a global when no cell has declared them. The runtime process is another process of the same Node, so what is
 * global here is global there; the rest are the names of a notebook.
 */
const NOTEBOOK = ['tf', 'tensorcell', 'display', 'clearOutput', 'input', 'prompt', 'confirm', 'comms'];

/** Global in some contexts only, or words that look like names. */
const LANGUAGE = ['undefined', 'NaN', 'Infinity', 'arguments', 'eval', 'globalThis', 'global'];

const known = new Set([...NOTEBOOK, ...LANGUAGE, ...Object.getOwnPropertyNames(globalThis)]);
// Jest and other hosts add and remove some: these are in every Node that we support.
for (const name of [
  'AbortController',
  'AbortSignal',
  'Blob',
  'BroadcastChannel',
  'Buffer',
  'CustomEvent',
  'DOMException',
  'Event',
  'EventTarget',
  'FormData',
  'Headers',
  'MessageChannel',
  'MessageEvent',
  'MessagePort',
  'Request',
  'Response',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'URLSearchParams',
  'WebAssembly',
  'WebSocket',
  'atob',
  'btoa',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
  'structuredClone',
])
  known.add(name);

export function isKnownGlobal(name: string): boolean {
  return known.has(name);
}

/** All of them, for help with a name that is not defined. */
export function knownGlobals(): string[] {
  return [...known];
}

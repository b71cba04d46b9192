import { installNotebookHost, notebookHost } from '../../base/host.ts';
import { userLine } from './user-lines.ts';

/** An effect of a function apart from computing with tensors: a graph would not repeat it. */
export interface Effect {
  what: string;
  /** The user's line, `file:line:column`. */
  line: string | undefined;
}

/** Listeners to effects: a step that runs eagerly may run another model's step. */
let watchers: ((what: string) => void)[] = [];
let undo: (() => void)[] = [];

/** Puts back what `watchEffects` replaced; also after JavaScript was terminated in the middle: no `finally` runs then. */
export function stopWatchingEffects(): void {
  watchers = [];
  for (const back of undo.toReversed()) back();
  undo = [];
}

/** Questions to the notebook host, which have no effect. */
const QUESTIONS = new Set<PropertyKey>(['execution', 'interrupted', 'unattended', 'runIn', 'onEnd', 'names']);

function note(what: string): void {
  for (const watcher of watchers) watcher(what);
}

function replace(owner: object, name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  if (before !== undefined && !before.configurable) return;
  undo.push(() => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  });
  Object.defineProperty(owner, name, { value, configurable: true, writable: true, enumerable: true });
}

function wrap(owner: object, name: string, what: string): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') return;
  replace(owner, name, function noted(this: unknown, ...args: unknown[]): unknown {
    note(what);
    return Reflect.apply(original, this, args) as unknown;
  });
}

function install(): void {
  wrap(Math, 'random', 'calls Math.random');
  wrap(performance, 'now', 'reads a clock');
  wrap(Date, 'now', 'reads a clock');
  for (const name of Object.keys(console)) wrap(console, name, `calls console.${name}`);
  replace(
    globalThis,
    'Date',
    new Proxy(Date, {
      construct(target, args, newTarget) {
        if (args.length === 0) note('reads a clock');
        return Reflect.construct(target, args, newTarget) as object;
      },
      apply(target, self, args) {
        note('reads a clock');
        return Reflect.apply(target, self, args) as unknown;
      },
    }),
  );
  const host = notebookHost();
  if (host === undefined) return;
  undo.push(() => {
    installNotebookHost(host);
  });
  installNotebookHost(
    new Proxy(host, {
      get(target, name): unknown {
        const value: unknown = Reflect.get(target, name, target);
        if (!QUESTIONS.has(name)) note('shows something in the notebook');
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    }),
  );
}

/**
 * Runs `action` and notes its first effect or question apart from computing: prints, shows something in the notebook,
 * draws from `Math.random`, reads a clock. All of it is done as always.
 */
export function watchEffects<T>(action: () => T): { result: T; effect: Effect | undefined } {
  let effect: Effect | undefined;
  const watcher = (what: string): void => {
    if (effect !== undefined) return;
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 50;
    effect = { what, line: userLine(new Error(what).stack) };
    Error.stackTraceLimit = before;
  };
  if (watchers.length === 0) install();
  watchers.push(watcher);
  try {
    const result = action();
    return { result, effect };
  } finally {
    watchers = watchers.filter((other) => other !== watcher);
    if (watchers.length === 0) stopWatchingEffects();
  }
}

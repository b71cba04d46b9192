import { installNotebookHost, notebookHost } from '../../../host.ts';
import { userLine } from '../untraceable.ts';

/** What a function did beside computing with tensors: something that a graph would not do again. */
export interface Effect {
  what: string;
  /** The user's line, `file:line:column`. */
  line: string | undefined;
}

let restore: (() => void) | undefined;

/** Puts back what `watchEffects` replaced; also for whoever terminates JavaScript in the middle: no `finally` runs then. */
export function stopWatchingEffects(): void {
  restore?.();
  restore = undefined;
}

/** What of the notebook's host is asked and not done. */
const QUESTIONS = new Set<PropertyKey>(['execution', 'interrupted', 'unattended', 'runIn', 'onEnd']);

/**
 * Runs `action` and notes the first thing that it does or asks beside computing: prints, shows something in the notebook,
 * draws from `Math.random`, reads a clock. All of it is done as always.
 */
export function watchEffects<T>(action: () => T): { result: T; effect: Effect | undefined } {
  let effect: Effect | undefined;
  const note = (what: string): void => {
    if (effect !== undefined) return;
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 50;
    effect = { what, line: userLine(new Error(what).stack) };
    Error.stackTraceLimit = before;
  };
  const undo: (() => void)[] = [];
  const replace = (owner: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    if (before !== undefined && !before.configurable) return;
    Object.defineProperty(owner, name, { value, configurable: true, writable: true, enumerable: true });
    undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, before);
    });
  };
  const wrap = (owner: object, name: string, what: string): void => {
    const original: unknown = Reflect.get(owner, name);
    if (typeof original !== 'function') return;
    replace(owner, name, function noted(this: unknown, ...args: unknown[]): unknown {
      note(what);
      return Reflect.apply(original, this, args) as unknown;
    });
  };

  stopWatchingEffects();
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
  if (host !== undefined) {
    installNotebookHost(
      new Proxy(host, {
        get(target, name): unknown {
          const value: unknown = Reflect.get(target, name, target);
          if (!QUESTIONS.has(name)) note('shows something in the notebook');
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      }),
    );
    undo.push(() => {
      installNotebookHost(host);
    });
  }
  restore = () => {
    for (const back of undo.toReversed()) back();
  };
  try {
    const result = action();
    return { result, effect };
  } finally {
    stopWatchingEffects();
  }
}

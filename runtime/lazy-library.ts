import { inspect, types } from 'node:util';
import type * as Library from './library.ts';
import type { Rendered } from './rendered.ts';

/**
 * The library takes longer to load than the rest of the runtime process. It is loaded when the process has been idle for a
 * moment, or before the first cell that needs it.
 */
export class LazyLibrary {
  #loaded: typeof Library | undefined;
  #loading = false;
  readonly #require: () => typeof Library;
  readonly #prepare: (library: typeof Library) => void;

  /**
   * @param require loads it in one go, with terminations kept away
   * @param prepare is called once, when it has been loaded
   */
  constructor(require: () => typeof Library, prepare: (library: typeof Library) => void) {
    this.#require = require;
    this.#prepare = prepare;
  }

  get loaded(): typeof Library | undefined {
    return this.#loaded;
  }

  /** A termination now would leave it half loaded for ever. */
  get loading(): boolean {
    return this.#loading;
  }

  /** For code that runs only after `load`. */
  get required(): typeof Library {
    if (!this.#loaded) throw new Error('the library is not loaded yet: run the cell again');
    return this.#loaded;
  }

  /** Rejects when it cannot be loaded; the next call tries again. */
  load(): Promise<typeof Library> {
    if (this.#loaded) return Promise.resolve(this.#loaded);
    this.#loading = true;
    try {
      const library = this.#require();
      this.#loaded = library;
      this.#prepare(library);
      return Promise.resolve(library);
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.#loading = false;
    }
  }

  /** The form in which a result is shown; undefined when it is not shown. */
  render(value: unknown): Rendered | undefined | Promise<Rendered | undefined> {
    if (isTimer(value)) return undefined;
    if (this.#loaded) return renderWith(this.#loaded, value);
    return plainly(value) ?? this.load().then((library) => renderWith(library, value));
  }
}

function renderWith(
  library: typeof Library,
  value: unknown,
): Rendered | undefined | Promise<Rendered | undefined> {
  return library.isDisplayHandle(value) ? undefined : library.renderAsync(value);
}

const immediate = setImmediate(() => {});
clearImmediate(immediate);
const timeout = setTimeout(() => {}, 0);
clearTimeout(timeout);
const TIMERS = new Set<object>([immediate, timeout].map((timer) => Object.getPrototypeOf(timer) as object));

/** `setTimeout(…)` as the last line is there for what it does: its value is forty lines of Node's internals. */
function isTimer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false;
  return TIMERS.has(Object.getPrototypeOf(value) as object);
}

/** Values whose one form is their text, as the library would make it. */
function plainly(value: unknown): Rendered | undefined {
  const short = typeof value === 'string' && value.length <= 200 && !value.includes('\n');
  if (!short && typeof value !== 'number' && typeof value !== 'boolean' && value !== null) return undefined;
  return { data: { 'text/plain': inspect(value) }, metadata: {} };
}

/**
 * Whether generated code may reach the library: it names something of it, or could name it in a way that cannot be
 * seen here.
 */
export function mayNeedLibrary(code: string): boolean {
  return /\b(?:tf|display|clearOutput|input|prompt|confirm|comms|python|tensorcell|tslab|table|globalThis|global|eval|Function|require|import|magic|Symbol|vm)\b/u.test(
    code,
  );
}

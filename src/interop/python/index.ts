/**
 * Python next to TypeScript, from code: `python.run`, `get`, `set`, `call`. The kernel process owns Python, so it lives on
 * when the runtime process is replaced; what is here asks for it through the notebook host.
 */
import { setOwn } from '../../base/own-property.ts';
import { notebookHost } from '../../base/host.ts';
import { ReportedError } from '../../base/reported-error.ts';
import { leaves } from './leaves.ts';
import { PythonError } from './errors.ts';
import type { PythonEnvironment } from './environments.ts';
import type { ConversionContext } from '../conversion/index.ts';
import { decodeValue, encodeValue } from './plain-values.ts';
import type { PythonProcessDescription, PythonRequest, PythonStatus } from './requests.ts';

export { PythonError } from './errors.ts';
export type { PythonErrorCode } from './errors.ts';
export type { PythonEnvironment } from './environments.ts';
export type { PythonStatus } from './requests.ts';

// eslint-disable-next-line typescript/consistent-type-definitions -- a type may go where any options may
export type ConversionOptions = {
  /**
   * The form of the value on the other side. On the way to Python: `numpy`, `torch`, `tensorflow`, `pandas`, `polars` or
   * `arrow`. On the way here: a dtype such as `float32`, or `array`, `tensor`, `polars`, `columns`.
   */
  as?: string;
};

/** A value that arrives without a declared type: typed like the result of JSON.parse, so that a cell may use it at once. */
type Arriving = ReturnType<typeof JSON.parse>;

/** Python has no positional argument of this class: it is told from values by it. */
class KeywordArguments {
  readonly values: Record<string, unknown>;

  constructor(values: Record<string, unknown>) {
    this.values = values;
  }
}

export const python = {
  /**
   * Runs code in Python, like a `%%python` cell: what it prints and shows appears under the calling cell.
   * @throws PythonError `raised` with Python's traceback, `interrupted`, `died`
   */
  async run(code: string): Promise<void> {
    await ask({ what: 'run', code });
  },

  /**
   * The value of a Python variable, or of any expression, as it is now.
   * @throws PythonError `unknown-name`, `cannot-convert`, `raised`
   */
  async get<T = Arriving>(name: string, options: ConversionOptions = {}): Promise<T> {
    return (await converting(options, async (context) => {
      const tree = await context.request('get', { name, options });
      return await decodeValue(tree, context, leaves);
    })) as T;
  },

  /**
   * Gives a Python variable a value: `python.set('x', 1)`, or several at once: `python.set({ x: 1, y: [2, 3] })`.
   * @throws PythonError `cannot-convert` that names the place in the value; then no variable has changed
   */
  async set(
    ...args: [name: string, value: unknown, options?: ConversionOptions] | [values: object]
  ): Promise<void> {
    const [first, value, options = {}] = args;
    const values = typeof first === 'string' ? { [first]: value } : (first as Record<string, unknown>);
    await converting(options, async (context) => {
      const trees: Record<string, unknown> = {};
      for (const [name, each] of Object.entries(values)) {
        if (!NAME.test(name)) {
          throw new PythonError(
            'unknown-name',
            `${JSON.stringify(name)} is not the name of a Python variable`,
          );
        }
        trees[name] = await encodeValue(each, context, leaves, name);
      }
      await context.request('set', { values: trees });
    });
  },

  /**
   * Calls a Python function by its name (`model.predict` too). Arguments by name come last, through `python.kwargs`,
   * or as the one plain object at the end: `python.call('f', a, { k: b })`.
   * @throws PythonError `raised` with Python's traceback, `unknown-name`, `cannot-convert`
   */
  async call<T = Arriving>(name: string, ...args: unknown[]): Promise<T> {
    return (await call(name, args, {})) as T;
  },

  /**
   * `call` with a word on what its arguments become in Python, and its result here:
   * `python.with({ as: 'torch', result: 'float32' }).call('f', a)`.
   */
  with(options: CallOptions): { call<T = Arriving>(name: string, ...args: unknown[]): Promise<T> } {
    return {
      async call<T>(name: string, ...args: unknown[]): Promise<T> {
        return (await call(name, args, options)) as T;
      },
    };
  },

  /** Arguments by name, where the last positional one is a plain object itself: `call('f', {}, python.kwargs({}))`. */
  kwargs(values: Record<string, unknown>): object {
    return new KeywordArguments(values);
  },

  /** Names of Python's variables, sorted. */
  async names(): Promise<string[]> {
    return (await ask({ what: 'ask', op: 'names', argument: {} })) as string[];
  },

  /** The environments that were found, the default first. */
  async environments(): Promise<PythonEnvironment[]> {
    return (await ask({ what: 'environments' })) as PythonEnvironment[];
  },

  /** Which environment comes next, and what runs. */
  async status(): Promise<PythonStatus> {
    return (await ask({ what: 'status' })) as PythonStatus;
  },

  /** Chooses the environment for everything that follows: a folder, a `python` in it, or a name that `%python envs` shows. */
  async use(path: string): Promise<void> {
    await ask({ what: 'use', path });
  },

  /** Ends Python; a fresh one starts on next use. Its variables are gone. */
  async restart(): Promise<void> {
    await ask({ what: 'restart' });
  },
};

export interface CallOptions {
  /** The form of arguments in Python. */
  as?: string;
  /** The form of the result here. */
  result?: string;
}

async function call(name: string, args: readonly unknown[], { as, result }: CallOptions): Promise<unknown> {
  const last = args.at(-1);
  const named = last instanceof KeywordArguments ? last.values : isPlainObject(last) ? last : undefined;
  const positional = named ? args.slice(0, -1) : args;
  return await converting(as === undefined ? {} : { as }, async (context) => {
    const encoded: unknown[] = [];
    for (const [at, value] of positional.entries())
      encoded.push(await encodeValue(value, context, leaves, `argument ${at + 1} of ${name}`));
    const kwargs: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(named ?? {}))
      setOwn(kwargs, key, await encodeValue(value, context, leaves, `argument ${key} of ${name}`));
    const options = result === undefined ? {} : { as: result };
    const tree = await context.request('call', { name, args: encoded, kwargs, options });
    return await decodeValue(tree, { ...context, options }, leaves);
  });
}

const NAME = /^[\p{XID_Start}_][\p{XID_Continue}]*$/u;

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}

/** Runs a conversion. After it, also after a failure, the callbacks given to `done` free the memory that was lent to Python. */
async function converting<T>(
  options: ConversionOptions,
  action: (context: ConversionContext) => Promise<T>,
): Promise<T> {
  const done: (() => void)[] = [];
  try {
    const { pid } = (await ask({ what: 'process' })) as PythonProcessDescription;
    return await action({
      options,
      pid,
      request: (op, argument) => ask({ what: 'ask', op, argument }),
      done: (callback) => void done.push(callback),
    });
  } finally {
    for (const callback of done) callback();
  }
}

/**
 * Asks the kernel process. An interrupt waits for Python's answer, which the kernel process interrupts at the same time:
 * so the next cell finds it at rest.
 */
async function ask(request: PythonRequest): Promise<unknown> {
  const host = notebookHost();
  if (!host) {
    throw new PythonError(
      'no-notebook',
      'python works only in a notebook: in plain Node there is no kernel that runs Python',
    );
  }
  const answer = host.request('python', request);
  const settled = answer.then(
    () => undefined,
    () => undefined,
  );
  const forget = host.onInterrupt(() => settled);
  try {
    return await answer;
  } catch (error) {
    const report = ReportedError.reportOf(error);
    throw report ? PythonError.from(report, error) : error;
  } finally {
    forget();
  }
}

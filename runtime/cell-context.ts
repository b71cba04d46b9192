import { types } from 'node:util';
import type { CellContext, CompiledCell, InterpolatedPart } from '../kernel/contracts/compiled-cells.ts';
import { formatDuration } from '../src/base/duration.ts';
import { inTypeScript } from '../kernel/slips/index.ts';
import { never, type Execution } from './execution.ts';
import { missingExport } from './modules/missing-exports.ts';
import type { Names } from './names.ts';
import type { Tracker } from './tracking.ts';

/** The parts of the runtime process that the code of a cell reaches. */
export interface CellServices {
  names: Names;
  tracker: Tracker;
  /** The execution that is meant when nothing tells: the running one, else the last. */
  fallback: () => Execution | undefined;
  importModule(
    specifier: unknown,
    attributes?: Record<string, string>,
    names?: readonly string[],
  ): Promise<Record<string, unknown>>;
  meta: () => ImportMeta;
  require: () => (specifier: string) => unknown;
  module: () => { exports: unknown };
  magic(execution: number, name: string, line: string): Promise<unknown>;
  print: (text: string) => void;
}

// eslint-disable-next-line typescript/unbound-method -- called with the promise as `this`
const { then } = Promise.prototype;

/**
 * The one argument of a compiled cell. It outlives the cell (functions of the cell use it), so it never stands for
 * "the running execution": that is asked of the tracker.
 */
export function createCellContext(
  services: CellServices,
  execution: Execution,
  cell: CompiledCell,
): CellContext {
  const { names, tracker } = services;
  const kinds = new Map(cell.bindings.map(({ name, kind }) => [name, kind]));
  const owner = (): Execution => tracker.current() ?? services.fallback() ?? execution;

  const context: CellContext = {
    box: (name) => names.box(name),
    open: (name) => names.open(name),
    fresh: (name) => names.fresh(name),
    introduce(name, value) {
      if (names.introduce(name, value)) execution.declared.push(name);
      return value;
    },
    indexed(value) {
      execution.hint ??= indexHint(value);
      return value;
    },
    hoist: (name) => names.hoist(name),
    declare(name, value) {
      names.declare(name, kinds.get(name) ?? 'let', value);
      execution.declared.push(name);
      return value;
    },
    link(name, namespace, read, imported, specifier) {
      const refuse =
        imported === undefined || specifier === undefined || imported in namespace
          ? undefined
          : (): never => {
              throw missingExport(specifier, imported, namespace as Record<string, unknown>);
            };
      names.link(name, namespace, refuse ?? read);
      execution.declared.push(name);
    },
    lookup: (name, global) => (names.has(name) ? names.value(name) : global()),
    assign(name, value, global) {
      if (names.has(name)) return names.assign(name, value);
      if (!global) throw new ReferenceError(`${name} is not defined`);
      global(value);
      return value;
    },
    // eslint-disable-next-line typescript/promise-function-async -- an async function would cost two more turns
    await<T>(value: T): Promise<Awaited<T>> {
      return awaitIn(owner(), value) as Promise<Awaited<T>>;
    },
    iterate: (iterable) => iterateIn(owner, iterable),
    import: (specifier, attributes, wanted) => services.importModule(specifier, attributes, wanted),
    get meta() {
      return services.meta();
    },
    get require() {
      return services.require();
    },
    get module() {
      return services.module();
    },
    magic: (name, line, parts = []) => services.magic(owner().id, name, interpolate(line, parts)),
    timeStart: () => process.hrtime.bigint(),
    timeEnd(token) {
      const elapsed = Number(process.hrtime.bigint() - (token as bigint)) / 1e6;
      services.print(`Wall time: ${formatDuration(elapsed)}\n`);
    },
    receiver(value) {
      execution.receiver = value;
      return value;
    },
    result(value) {
      execution.result = { value };
    },
  };
  return context;
}

/** Lists and texts have no elements with negative numbers, unless code has put one there. */
function indexHint(value: unknown): string | undefined {
  const isText = typeof value === 'string';
  if (!isText && (types.isProxy(value) || (!Array.isArray(value) && !ArrayBuffer.isView(value))))
    return undefined;
  if (!isText && Object.hasOwn(value as object, '-1')) return undefined;
  return inTypeScript('xs[-1]', 'xs.at(-1)');
}

/** Text that does not evaluate belongs to the shell and stays as it is. */
function interpolate(line: string, parts: readonly InterpolatedPart[]): string {
  let text = '';
  let at = 0;
  for (const [from, to, value] of parts) {
    text += line.slice(at, from);
    at = to;
    try {
      text += String(value());
    } catch {
      text += line.slice(from, to);
    }
  }
  return text + line.slice(at);
}

/**
 * The operand of `await` in a cell. A value that is no promise needs nothing: its continuation runs in the same drain
 * of the microtask queue, which our interrupts cannot enter. A promise is passed through `then`, whose derived
 * promise V8 follows for asynchronous stack traces.
 */
export function awaitIn(execution: Execution, value: unknown): unknown {
  if (execution.interrupted) return never();
  if (value instanceof Promise && value.constructor === Promise) {
    return Reflect.apply(then, value, [execution.pass, execution.fail]);
  }
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    // A thenable, or an object whose `then` is a getter that must be read once only: let Promise.resolve judge.
    return isThenableShaped(value) ? Promise.resolve(value).then(execution.pass, execution.fail) : value;
  }
  return value;
}

/** Has a property named `then`, without reading it. */
function isThenableShaped(value: object): boolean {
  return 'then' in value;
}

async function* iterateIn<T>(
  owner: () => Execution,
  iterable: AsyncIterable<T> | Iterable<T>,
): AsyncGenerator<Awaited<T>> {
  const asynchronous = (iterable as AsyncIterable<T>)[Symbol.asyncIterator];
  const iterator = asynchronous
    ? Reflect.apply(asynchronous, iterable, [])
    : (iterable as Iterable<T>)[Symbol.iterator]();
  let finished = false;
  try {
    for (;;) {
      const step = (await awaitIn(owner(), iterator.next())) as IteratorResult<T>;
      if (step.done) {
        finished = true;
        return;
      }
      yield (await awaitIn(owner(), step.value)) as Awaited<T>;
    }
  } finally {
    if (!finished) await awaitIn(owner(), iterator.return?.());
  }
}

/**
 * A session in one process: compiled cells run with the smallest context that does what `kernel/contracts/compiled-cells.ts` promises.
 */
import { createRequire } from 'node:module';
import vm from 'node:vm';
import { createCellCompiler } from '../../kernel/language/compile/index.ts';
import type { CellCompilerOptions } from '../../kernel/language/compile/index.ts';
import type { CellContext, CompiledCell } from '../../kernel/contracts/compiled-cells.ts';
import { Names } from '../../runtime/names.ts';

export interface RunCell {
  /** The value of the last expression; `NONE` where there was none. */
  result: unknown;
  error?: unknown;
  cell: CompiledCell;
  declared: string[];
}

export const NONE = Symbol('no result');

export interface TestSessionOptions extends CellCompilerOptions {
  modules?: Record<string, Record<string, unknown>>;
  require?: (specifier: string) => unknown;
  magics?: (name: string, line: string) => unknown;
}

export class CompileFailure extends Error {
  readonly frame: string;
  readonly line: number;
  readonly column: number;
  constructor(message: string, frame: string, line: number, column: number) {
    super(message);
    this.frame = frame;
    this.line = line;
    this.column = column;
  }
}

export class TestSession {
  readonly compiler;
  readonly names = new Names();
  readonly log: string[] = [];
  private execution = 0;
  private readonly options: TestSessionOptions;

  constructor(options: TestSessionOptions = {}) {
    this.options = options;
    this.compiler = createCellCompiler(options);
  }

  compile(source: string): CompiledCell {
    const result = this.compiler.compile(source, ++this.execution);
    if (!result.ok)
      throw new CompileFailure(
        result.problem.message,
        result.frame,
        result.problem.start.line + 1,
        result.problem.start.column + 1,
      );
    return result.cell;
  }

  context(cell: CompiledCell, declared: string[], setResult: (value: unknown) => void): CellContext {
    const { names, options, log } = this;
    const kinds = new Map(cell.bindings.map(({ name, kind }) => [name, kind]));
    return {
      box: (name) => names.box(name),
      open: (name) => names.open(name),
      fresh: (name) => names.fresh(name),
      introduce(name, value) {
        if (names.introduce(name, value) && !declared.includes(name)) declared.push(name);
        return value;
      },
      indexed: (value) => value,
      hoist: (name) => names.hoist(name),
      declare(name, value) {
        names.declare(name, kinds.get(name) ?? 'let', value);
        if (!declared.includes(name)) declared.push(name);
        return value;
      },
      link(name, namespace, read) {
        names.link(name, namespace, read);
        if (!declared.includes(name)) declared.push(name);
      },
      lookup: (name, global) => (names.has(name) ? names.value(name) : global()),
      assign(name, value, global) {
        if (names.has(name)) return names.assign(name, value);
        global?.(value);
        return value;
      },
      await: (async (value: unknown) => await value) as CellContext['await'],
      async *iterate(iterable) {
        yield* iterable;
      },
      async import(specifier, attributes, wanted = []) {
        if (attributes) log.push(`attributes ${JSON.stringify(attributes)}`);
        const found =
          options.modules?.[String(specifier)] ??
          ((await import(String(specifier))) as Record<string, unknown>);
        const missing = wanted.find((name) => !(name in found));
        if (missing !== undefined) throw new SyntaxError(`no export named '${missing}'`);
        return found;
      },
      meta: {
        url: 'file:///notebook/a.ipynb',
        dirname: '/notebook',
        filename: '/notebook/a.ipynb',
      } as ImportMeta,
      require: options.require ?? createRequire(import.meta.url),
      module: { exports: {} },
      async magic(name, line) {
        log.push(`${name} ${line}`);
        return options.magics?.(name, line);
      },
      timeStart() {
        log.push('start');
        return log.length;
      },
      timeEnd() {
        log.push('end');
      },
      receiver: (value) => value,
      result: setResult,
    };
  }

  /** Compiles and runs one cell; a cell that throws gives the error, names it declared before live on. */
  async run(source: string): Promise<RunCell> {
    const cell = this.compile(source);
    const declared: string[] = [];
    let result: unknown = NONE;
    let error: { thrown: unknown } | undefined;
    try {
      const main = vm.runInThisContext(cell.code, { filename: cell.filename }) as (
        context: CellContext,
      ) => unknown;
      const running = main(this.context(cell, declared, (value) => (result = value)));
      if (cell.async) await running;
      else if (running !== undefined) throw new Error('a cell that is not async returned something');
      result = await result;
    } catch (thrown) {
      error = { thrown };
    }
    this.compiler.commit(this.execution, declared);
    return { result, cell, declared, ...(error ? { error: error.thrown } : {}) };
  }

  /** Results of all cells; throws what the first failing one throws. */
  async all(...cells: string[]): Promise<unknown[]> {
    const results: unknown[] = [];
    for (const source of cells) {
      const { result, error } = await this.run(source);
      if (error !== undefined) throw error;
      results.push(result === NONE ? undefined : result);
    }
    return results;
  }

  /** The result of the last cell. */
  async last(...cells: string[]): Promise<unknown> {
    return (await this.all(...cells)).at(-1);
  }
}

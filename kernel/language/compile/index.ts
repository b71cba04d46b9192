/**
 * Cells and modules -> JavaScript. Nothing outside this folder imports deeper than this file.
 */
import type { Binding, LoweringOptions } from '../../contracts/compiled-cells.ts';
import type { CellCompiler, CellParts, Completeness, CompileResult } from '../../contracts/compiler.ts';
import type { Program } from 'oxc-parser';
import { assignedStatements, typedText } from './assigned.ts';
import { rewriteCell } from './cell.ts';
import type { CellInput } from './cell.ts';
import { isComplete } from './completeness.ts';
import { prepareLowering } from './decorated.ts';
import { Edits } from './edits.ts';
import { isExpressionCell } from './expression-cell.ts';
import { compileSource, parseTypeScript } from './frontend.ts';
import { InternalNames } from './internal-names.ts';
import { findMagics } from './magics.ts';
import { putMagics } from './magic-calls.ts';
import { composeMaps, sourceMap } from './maps.ts';
import { SessionNames } from './names.ts';
import type { NamesState } from './names.ts';
import { originalKinds } from './original-kinds.ts';
import { CompileError, offsetAt, positionsAt } from './problems.ts';
import { markReceiver } from './receiver.ts';
import { syntaxHint } from '../../slips/index.ts';
import { CellSlips } from './slips.ts';
import type { OriginalKind } from './top-variables.ts';
import { cellMagicHead } from '../../contracts/magic-syntax.ts';
import { required } from '../../../src/base/required.ts';

export { compileModule } from './module.ts';
export { CompileError } from './problems.ts';

export interface CellCompilerOptions {
  /** The options of the tsconfig.json in use. */
  lowering?: () => LoweringOptions;
  /** Whether an assignment of the top level declares a name that nothing declares; it does not when left out. */
  declares?: () => boolean;
  /** Names of line magics, which tell `%who` from a remainder. */
  knownMagics?: () => Iterable<string>;
}

/** Input of a compilation in addition to the cell's text, as plain data for a compiler in another process. */
export interface CompilerState {
  names: NamesState;
  lowering: LoweringOptions;
  declares: boolean;
  /** Texts of the execution that were compiled before. */
  compiled: number;
}

/** A compiler whose state can be taken to another process and back. */
export interface PortableCompiler extends CellCompiler {
  /** The parts of a text that are known without a parser: whether it is a cell magic. */
  splitHead(source: string): CellParts;
  state(execution: number): CompilerState;
  restore(execution: number, state: CompilerState): void;
  /** Takes over what another compiler, which had this one's state, made: as if it had been compiled here. */
  adopt(execution: number, bindings: readonly Binding[], assignedInFunctions: readonly string[]): void;
}

type CompiledSource = Omit<Extract<CompileResult, { ok: true }>, 'ok'>;

const NOTHING: ReadonlyMap<string, OriginalKind> = new Map();

/** A compiler for the cells of one session. */
export function createCellCompiler(options: CellCompilerOptions = {}): PortableCompiler {
  return new SourceCompiler(options);
}

class SourceCompiler implements PortableCompiler {
  readonly #options: CellCompilerOptions;
  readonly #session = new SessionNames();
  readonly #filenames = new Filenames();
  readonly #isKnown = (name: string): boolean => {
    for (const known of this.#options.knownMagics?.() ?? []) if (known === name) return true;
    return false;
  };

  constructor(options: CellCompilerOptions) {
    this.#options = options;
  }

  splitHead(source: string): CellParts {
    return cellMagic(source) ?? { kind: 'code', magics: [] };
  }

  split(source: string): CellParts {
    const head = cellMagic(source);
    if (head) return head;
    const { magics } = findMagics(source, this.#isKnown, 'ts');
    const positions = positionsAt(
      source,
      magics.map(({ start }) => start),
    );
    return {
      kind: 'code',
      ...(isExpressionCell(source) ? { isExpression: true } : {}),
      magics: magics.map(({ name, line, interpolations }, index) => ({
        name,
        line,
        at: required(positions[index], 'the position of a magic'),
        interpolates: interpolations.length > 0,
      })),
    };
  }

  compile(source: string, execution: number): CompileResult {
    try {
      return { ok: true, ...this.#compile(source, execution) };
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      const { problem, frame } = error;
      const hint = syntaxHint(source, offsetAt(source, problem.start));
      return { ok: false, problem, frame, ...(hint === undefined ? {} : { hint }) };
    }
  }

  commit(execution: number, declared: readonly string[]): void {
    this.#session.commit(execution, declared);
  }

  reset(): void {
    this.#session.reset();
  }

  bindings(): readonly Binding[] {
    return this.#session.all();
  }

  isComplete(source: string): Completeness {
    return isComplete(source, this.#isKnown);
  }

  state(execution: number): CompilerState {
    return {
      names: this.#session.state(),
      lowering: this.#options.lowering?.() ?? {},
      declares: this.#options.declares?.() ?? false,
      compiled: this.#filenames.count(execution),
    };
  }

  restore(execution: number, { names, compiled }: CompilerState): void {
    this.#session.restore(names);
    this.#filenames.restore(execution, compiled);
  }

  adopt(execution: number, bindings: readonly Binding[], assignedInFunctions: readonly string[]): void {
    this.#filenames.next(execution);
    for (const name of assignedInFunctions) this.#session.noteFunctionAssignment(name);
    this.#session.expect(execution, bindings);
  }

  #compile(source: string, execution: number): CompiledSource {
    if (!isExpressionCell(source)) return this.#compileText(source, execution);
    // In parentheses it is a value; the map is joined with that of putting them there.
    const edits = new Edits();
    edits.before(0, '(');
    const { code, mappings } = edits.render(source, '', '\n)');
    const { cell, slips } = this.#compileText(code, execution);
    const map = composeMaps([cell.map, sourceMap(cell.filename, source, mappings)]);
    return { cell: { ...cell, map }, ...(slips ? { slips } : {}) };
  }

  #compileText(source: string, execution: number): CompiledSource {
    const found = findMagics(source, this.#isKnown, 'ts');
    const front = parseTypeScript(found.text);
    const names = new InternalNames(source);
    const filename = this.#filenames.next(execution);
    const lowering = this.#options.lowering?.() ?? {};
    const declares = this.#options.declares?.() ?? false;
    const endsWithMagic = found.magics.some(({ place }) => place?.last === true);
    const typed = front.parsed.program;
    const assigned = assignedStatements(typed);
    const { output, map } = compileSource(
      source,
      filename,
      found.text,
      front,
      lowering,
      (edits, program, lowered) => {
        putMagics(source, found, edits, names);
        if (!lowered) return;
        prepareLowering(source, program, edits, lowering);
        // Lowering may add statements after the last one.
        if (!endsWithMagic) markResult(program, edits, names);
      },
      ({ source: text, program, edits, lowered }) => {
        const slips = new CellSlips(found.text, typed, declares);
        const input: CellInput = {
          source: text,
          program,
          edits,
          names,
          withResult: !lowered && !endsWithMagic,
          awaits: found.magics.some(({ isTime, place }) => !isTime && place?.inFunction === false),
          isInternal: (name) => lowered && !source.includes(name),
          original: lowered ? originalKinds(typed) : NOTHING,
          assigned: lowered && assigned.length > 0 ? assignedStatements(program, true) : assigned,
          slips,
        };
        return { ...rewriteCell(input, this.#session), slips };
      },
    );
    const { code, async, bindings, introduced } = output;
    this.#session.expect(execution, bindings);
    const slips = output.slips.result(introduced, assigned);
    return {
      cell: { code, filename, map, async, bindings },
      ...(slips ? { slips } : {}),
      ...(introduced.length > 0 ? { typed: typedText(source, assigned, new Set(introduced)) } : {}),
    };
  }
}

/** Names for the compilations of one execution, so that the trace of each finds its own map. */
class Filenames {
  readonly #counts = new Map<number, number>();

  next(execution: number): string {
    const count = this.count(execution) + 1;
    this.#counts.delete(execution);
    this.#counts.set(execution, count);
    if (this.#counts.size > 100) {
      const [oldest] = this.#counts.keys();
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    return count === 1 ? `cell ${execution}` : `cell ${execution}.${count}`;
  }

  count(execution: number): number {
    return this.#counts.get(execution) ?? 0;
  }

  restore(execution: number, count: number): void {
    this.#counts.set(execution, count);
  }
}

/** Passes the value of the last statement to the context. */
function markResult(program: Program, edits: Edits, names: InternalNames): void {
  const last = program.body.findLast(({ type }) => type !== 'EmptyStatement');
  if (last?.type !== 'ExpressionStatement') return;
  edits.before(last.expression.start, `${names.context}.result((`);
  markReceiver(last.expression, edits, names.context);
  edits.after(last.expression.end, '))');
}

function cellMagic(source: string): Extract<CellParts, { kind: 'cell-magic' }> | undefined {
  const head = cellMagicHead(source);
  if (head === undefined) return undefined;
  return { kind: 'cell-magic', name: head.name, line: head.line, body: source.slice(head.length) };
}

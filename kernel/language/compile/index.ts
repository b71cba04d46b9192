/**
 * Cells and modules -> JavaScript. Nothing outside this folder imports deeper than this file.
 */
import type { Binding, LoweringOptions } from '../../contracts/compiled-cells.ts';
import type { CellCompiler, CellParts, CompileResult } from '../../contracts/compiler.ts';
import type { BindingPattern, Program, TSTypeName } from 'oxc-parser';
import { assignedStatements, typedText } from './assigned.ts';
import { rewriteCell } from './cell.ts';
import type { OriginalKind } from './cell.ts';
import { isComplete } from './completeness.ts';
import { prepareLowering } from './decorated.ts';
import { Edits } from './edits.ts';
import { InternalNames } from './emit.ts';
import { isExpressionCell } from './expression-cell.ts';
import { compileSource, parseTypeScript } from './frontend.ts';
import { findMagics } from './magics.ts';
import type { FoundMagics, MagicLine } from './magics.ts';
import { composeMaps, sourceMap } from './maps.ts';
import { SessionNames } from './names.ts';
import type { NamesState } from './names.ts';
import { CompileError, offsetAt, positionsAt, problemAt } from './problems.ts';
import { markReceiver } from './receiver.ts';
import { syntaxHint } from '../../slips/index.ts';
import { CellSlips } from './slips.ts';

export { compileModule } from './module.ts';
export { CompileError } from './problems.ts';

export interface CellCompilerOptions {
  /** What the tsconfig.json that counts now says. */
  lowering?: () => LoweringOptions;
  /** Whether an assignment of the top level declares a name that nothing declares; it does not when left out. */
  declares?: () => boolean;
  /** Names of line magics, which tell `%who` from a remainder. */
  knownMagics?: () => Iterable<string>;
}

/** What a compilation depends on besides the cell's text, as plain data for a compiler in another process. */
export interface CompilerState {
  names: NamesState;
  lowering: LoweringOptions;
  declares: boolean;
  /** Texts of the execution that were compiled before. */
  compiled: number;
}

/** A compiler whose state can be taken to another process and back. */
export interface PortableCompiler extends CellCompiler {
  /** What can be told of a text without a parser: whether it is a cell magic. */
  splitHead(source: string): CellParts;
  state(execution: number): CompilerState;
  restore(execution: number, state: CompilerState): void;
  /** Takes over what another compiler, which had this one's state, made: as if it had been compiled here. */
  adopt(execution: number, bindings: readonly Binding[], assignedInFunctions: readonly string[]): void;
}

type CompiledSource = Omit<Extract<CompileResult, { ok: true }>, 'ok'>;

const NOTHING: ReadonlyMap<string, OriginalKind> = new Map();

const CELL_MAGIC = /^\s*%%(?=[\w!])([\w!]+)([^\n]*)\n?/;

export function createCellCompiler(options: CellCompilerOptions = {}): PortableCompiler {
  const session = new SessionNames();
  const isKnown = (name: string): boolean => {
    for (const known of options.knownMagics?.() ?? []) if (known === name) return true;
    return false;
  };
  /** Compilations of one execution get names of their own, so that each one's traces find its own map. */
  const filenames = new Map<number, number>();
  const newFilename = (execution: number): string => {
    const count = (filenames.get(execution) ?? 0) + 1;
    filenames.delete(execution);
    filenames.set(execution, count);
    if (filenames.size > 100)
      for (const oldest of [...filenames.keys()].slice(0, 1)) filenames.delete(oldest);
    return count === 1 ? `cell ${execution}` : `cell ${execution}.${count}`;
  };

  const compile = (source: string, execution: number): CompiledSource => {
    if (isExpressionCell(source)) {
      // In parentheses it is a value; the map is joined with that of putting them there.
      const edits = new Edits();
      edits.before(0, '(');
      const { code, mappings } = edits.render(source, '', '\n)');
      const { cell, slips } = compileText(code, execution);
      const map = composeMaps([cell.map, sourceMap(cell.filename, source, mappings)]);
      return { cell: { ...cell, map }, ...(slips ? { slips } : {}) };
    }
    return compileText(source, execution);
  };

  const compileText = (source: string, execution: number): CompiledSource => {
    const found = findMagics(source, isKnown, 'ts');
    const front = parseTypeScript(found.text);
    const names = new InternalNames(source);
    const filename = newFilename(execution);
    const lowering = options.lowering?.() ?? {};
    const endsWithMagic = found.magics.some(({ place }) => place?.last === true);
    const assigned = assignedStatements(front.parsed.program);
    let slips: CellSlips;
    const { output, map } = compileSource(
      source,
      filename,
      found.text,
      front,
      lowering,
      (edits, program, lowered) => {
        putMagics(source, found, edits, names);
        if (lowered) prepareLowering(source, program, edits, lowering);
        const last = program.body.findLast(({ type }) => type !== 'EmptyStatement');
        // Lowering may add statements behind it.
        if (lowered && !endsWithMagic && last?.type === 'ExpressionStatement') {
          edits.before(last.expression.start, `${names.context}.result((`);
          markReceiver(last.expression, edits, names.context);
          edits.after(last.expression.end, '))');
        }
      },
      ({ source: text, program, edits, lowered }) => {
        slips = new CellSlips(found.text, front.parsed.program, options.declares?.() ?? false);
        return rewriteCell(
          {
            source: text,
            program,
            edits,
            names,
            withResult: !lowered && !endsWithMagic,
            awaits: found.magics.some(({ isTime, place }) => !isTime && place?.inFunction === false),
            isInternal: (name) => lowered && !source.includes(name),
            original: lowered ? originalKinds(front.parsed.program) : NOTHING,
            assigned: lowered && assigned.length > 0 ? assignedStatements(program, true) : assigned,
            slips,
          },
          session,
        );
      },
    );
    const { code, async, bindings, introduced } = output;
    session.expect(execution, bindings);
    const said = slips!.result(introduced, assigned);
    return {
      cell: { code, filename, map, async, bindings },
      ...(said ? { slips: said } : {}),
      ...(introduced.length > 0 ? { typed: typedText(source, assigned, new Set(introduced)) } : {}),
    };
  };

  return {
    splitHead: (source) => cellMagic(source) ?? { kind: 'code', magics: [] },
    split(source): CellParts {
      const head = cellMagic(source);
      if (head) return head;
      const { magics } = findMagics(source, isKnown, 'ts');
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
          at: positions[index]!,
          interpolates: interpolations.length > 0,
        })),
      };
    },
    compile(source, execution): CompileResult {
      try {
        return { ok: true, ...compile(source, execution) };
      } catch (error) {
        if (!(error instanceof CompileError)) throw error;
        const { problem, frame } = error;
        const hint = syntaxHint(source, offsetAt(source, problem.start));
        return { ok: false, problem, frame, ...(hint === undefined ? {} : { hint }) };
      }
    },
    commit: (execution, declared) => session.commit(execution, declared),
    reset: () => session.reset(),
    bindings: () => session.all(),
    isComplete: (source) => isComplete(source, isKnown),
    state: (execution) => ({
      names: session.state(),
      lowering: options.lowering?.() ?? {},
      declares: options.declares?.() ?? false,
      compiled: filenames.get(execution) ?? 0,
    }),
    restore(execution, { names, compiled }) {
      session.restore(names);
      filenames.set(execution, compiled);
    },
    adopt(execution, bindings, assignedInFunctions) {
      newFilename(execution);
      for (const name of assignedInFunctions) session.noteFunctionAssignment(name);
      session.expect(execution, bindings);
    },
  };
}

function cellMagic(source: string): Extract<CellParts, { kind: 'cell-magic' }> | undefined {
  const head = CELL_MAGIC.exec(source);
  if (!head) return undefined;
  return {
    kind: 'cell-magic',
    name: head[1] ?? '',
    line: (head[2] ?? '').trim(),
    body: source.slice(head[0].length),
  };
}

/** How the top level declares what lowering makes variables of. */
function originalKinds(program: Program): Map<string, OriginalKind> {
  const kinds = new Map<string, OriginalKind>();
  for (const statement of program.body) {
    const isExport =
      statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration';
    const node = isExport ? statement.declaration : statement;
    switch (node?.type) {
      case 'TSEnumDeclaration':
      case 'TSModuleDeclaration': {
        const { id } = node;
        const name =
          id.type === 'TSQualifiedName' ? rootOf(id) : id.type === 'Identifier' ? id.name : undefined;
        if (name !== undefined && !kinds.has(name)) kinds.set(name, 'object');
        break;
      }
      case 'ClassDeclaration':
        if (node.id) kinds.set(node.id.name, 'class');
        break;
      case 'VariableDeclaration':
        if (node.kind === 'var') break;
        for (const { id } of node.declarations)
          for (const name of patternNames(id)) kinds.set(name, node.kind === 'let' ? 'let' : 'const');
        break;
      default:
    }
  }
  return kinds;
}

function rootOf(name: TSTypeName): string | undefined {
  let at = name;
  while (at.type === 'TSQualifiedName') at = at.left;
  return at.type === 'Identifier' ? at.name : undefined;
}

function patternNames(pattern: BindingPattern): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        patternNames(property.type === 'RestElement' ? property.argument : property.value),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) =>
        element ? patternNames(element.type === 'RestElement' ? element.argument : element) : [],
      );
    default:
      return patternNames(pattern.left);
  }
}

/** Puts the calls of the magics in their places. */
function putMagics(source: string, found: FoundMagics, edits: Edits, names: InternalNames): void {
  const { context } = names;
  for (const magic of found.magics) {
    const { name, line, start, end, isTime, place } = magic;
    if (!place) continue;
    const shown = name === '!' ? `!${line}` : `%${name}`;
    if (isTime) {
      const { next } = place;
      if (!next || source.slice(start, next.start).includes('\n'))
        throw new CompileError(
          source,
          problemAt(source, '%time needs a statement after it on the same line', start, end),
        );
      const token = names.fresh();
      edits.replace(start, start + '%time'.length, `const ${token}=${context}.timeStart();`);
      edits.after(next.end, `;${context}.timeEnd(${token});`);
      continue;
    }
    if (place.inFunction && !place.inAsync)
      throw new CompileError(
        source,
        problemAt(source, `${shown} can only be used in an async function`, start, end),
      );
    const call = `await ${context}.await(${context}.magic(${JSON.stringify(name)},${JSON.stringify(line)}`;
    const [head, tail] = place.last ? [`${context}.result(${call}`, ')));'] : [call, '));'];
    if (magic.interpolations.length === 0) edits.replace(start, end, `${head}${tail}`);
    else putInterpolations(source, magic, edits, head, tail);
  }
}

/** `magic('!', line, [[from, to, _=>(expression)], …])`: the expressions stay where they are, and are rewritten there. */
function putInterpolations(source: string, magic: MagicLine, edits: Edits, head: string, tail: string): void {
  const text = source.slice(magic.start + 1, magic.end);
  const lineStart = magic.start + 1 + text.length - text.trimStart().length;
  let at = magic.start;
  let before = `${head},[`;
  for (const { start, end } of magic.interpolations) {
    edits.replace(at, start, `${before}[${start - 1 - lineStart},${end + 1 - lineStart},`);
    edits.before(start, '_=>(');
    edits.after(end, ')]');
    at = end;
    before = ',';
  }
  edits.replace(at, magic.end, `]${tail}`);
}

import type { Program } from 'oxc-parser';
import { orderDecorations } from './decorated-order.ts';
import { Edits } from './edits.ts';
import type { Rendered } from './edits.ts';
import { lower } from './lower.ts';
import type { LoweringOptions } from '../../contracts/compiled-cells.ts';
import { composeMaps, sourceMap } from './maps.ts';
import { parse } from './parse.ts';
import type { Parsed } from './parse.ts';
import { CompileError, problemAt } from './problems.ts';
import { NeedsLowering, SourceMistake } from './nodes.ts';

export interface Front {
  parsed: Parsed;
  jsx: boolean;
}

/** Parses TypeScript; as TSX where only that makes sense of it. */
export function parseTypeScript(source: string, lang: 'ts' | 'tsx' = 'ts'): Front {
  if (lang === 'tsx') return { parsed: parse(source, 'tsx'), jsx: true };
  const parsed = parse(source, 'ts');
  if (!parsed.problem || !source.includes('<')) return { parsed, jsx: false };
  const withJsx = parse(source, 'tsx');
  return withJsx.problem ? { parsed, jsx: false } : { parsed: withJsx, jsx: true };
}

/** The last step, for a tree that holds JavaScript, or TypeScript that can be erased. */
export type Rewrite<T extends Rendered> = (input: {
  source: string;
  program: Program;
  edits: Edits;
  lowered: boolean;
}) => T;

export interface Compiled<T> {
  output: T;
  map: string;
}

/**
 * Source -> code and map. `prepare` makes the changes that only the tree of the source as typed can tell; the rewriting
 * follows at once, or on the JavaScript that lowering made of it.
 *
 * @throws CompileError
 */
export function compileSource<T extends Rendered>(
  source: string,
  filename: string,
  /** The parsed text: as long as `source`, magics blanked. */
  text: string,
  front: Front,
  options: LoweringOptions,
  prepare: (edits: Edits, program: Program, lowered: boolean) => void,
  rewrite: Rewrite<T>,
): Compiled<T> {
  const { parsed, jsx } = front;
  const { problem, program } = parsed;
  if (problem)
    throw new CompileError(source, problemAt(source, problem.message, problem.start, problem.end), filename);
  if (!jsx)
    try {
      const edits = new Edits();
      prepare(edits, program, false);
      const output = rewrite({ source: text, program, edits, lowered: false });
      return { output, map: sourceMap(filename, source, output.mappings) };
    } catch (error) {
      if (error instanceof SourceMistake)
        throw new CompileError(source, problemAt(source, error.message, error.start, error.end), filename);
      if (error instanceof RangeError)
        throw new CompileError(source, problemAt(source, 'this code is nested too deeply', 0, 0), filename);
      if (!(error instanceof NeedsLowering)) throw error;
    }
  const edits = new Edits();
  prepare(edits, program, true);
  const prepared = edits.render(text, '', '');
  let lowered: { code: string; map: string };
  try {
    lowered = lower(prepared.code, filename, jsx, options);
  } catch (error) {
    const message = error instanceof Error ? plainMessage(error.message) : String(error);
    throw new CompileError(source, problemAt(source, message, 0, 0), filename);
  }
  const again = parse(lowered.code, 'js');
  if (again.problem) throw new CompileError(source, problemAt(source, again.problem.message, 0, 0), filename);
  const lastEdits = new Edits();
  if (options.decorators) orderDecorations(again.program, lastEdits);
  let output: T;
  try {
    output = rewrite({ source: lowered.code, program: again.program, edits: lastEdits, lowered: true });
  } catch (error) {
    if (!(error instanceof NeedsLowering)) throw error;
    const accessor = /\baccessor(?=\s+[\w#$["'])/.exec(source);
    const what = accessor
      ? '`accessor` fields cannot have legacy decorators here: write a getter and a setter'
      : 'this syntax cannot be compiled';
    const start = accessor?.index ?? 0;
    throw new CompileError(
      source,
      problemAt(source, what, start, accessor ? start + accessor[0].length : 0),
      filename,
    );
  }
  const map = composeMaps([
    sourceMap(filename, lowered.code, output.mappings),
    lowered.map,
    sourceMap(filename, source, prepared.mappings),
  ]);
  return { output, map };
}

/** swc's errors are drawings in colour; the first line with words says what is wrong. */
function plainMessage(text: string): string {
  // eslint-disable-next-line no-control-regex
  const plain = text.slice(0, 10_000).replace(/\u001b\[[0-9;]*m/g, '');
  return /^\s*[x×]\s*(.+)$/m.exec(plain)?.[1] ?? plain.trim().split('\n')[0] ?? plain;
}

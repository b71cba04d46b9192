import type { Node, Program } from 'oxc-parser';
import { childrenOf } from './children.ts';
import { findInterpolations } from './interpolation.ts';
import type { Interpolation } from './interpolation.ts';
import { parse } from './parse.ts';
import type { ParseProblem, SourceLanguage } from './parse.ts';

/** A line of a cell that is for the kernel: `%name arguments` or `!command`. */
export interface MagicLine {
  /** Without the `%`; `!` for a command. */
  name: string;
  line: string;
  /** Range in the cell, from the `%` or `!` to the end of the line. */
  start: number;
  end: number;
  /** `%time statement`: what follows is TypeScript. */
  isTime: boolean;
  /** `{expression}` of a command, in order. */
  interpolations: readonly Interpolation[];
}

/** Where a magic stands in the tree. */
export interface MagicPlace {
  inFunction: boolean;
  inAsync: boolean;
  /** The last statement of the cell. */
  last: boolean;
  /** The next statement of the same list. */
  next: { start: number; end: number } | undefined;
}

export interface FoundMagics {
  /** The cell, as long as before, with a block in place of every magic: empty, or of what is interpolated. */
  text: string;
  magics: (MagicLine & { place: MagicPlace | undefined })[];
}

// A `!` before a parenthesis, a call, or another operator is JavaScript's own.
const CANDIDATE = /^[ \t]*(?:%(?=[A-Za-z_])|!(?=[\w./~$"'-])(?!(?:function|async)\b)(?![\w$.]*\())/gm;

/** Whether a line looks like a magic. */
export function mayHaveMagics(source: string): boolean {
  CANDIDATE.lastIndex = 0;
  return CANDIDATE.test(source);
}

/** Lines that look like magics, of which one after the other is left out where that makes sense of a cell. */
const TRIED_LINES = 200;

export function findMagics(
  source: string,
  isKnown: (name: string) => boolean,
  lang: SourceLanguage,
): FoundMagics {
  let active = candidates(source);
  if (active.length === 0) return { text: source, magics: [] };
  const tried = new Set<string>();
  // Each parse reads the whole cell: with thousands of such lines, what parses at first try is right, or nothing.
  const fewLines = active.length <= TRIED_LINES;
  for (;;) {
    const text = blanked(source, active);
    const { program, problem } = parse(text, lang);
    if (problem) {
      const without = fewLines ? withoutOne(source, active, problem, lang) : undefined;
      if (!without) return { text, magics: active.map((magic) => ({ ...magic, place: undefined })) };
      active = without;
    } else {
      const places = placesOf(program, new Set(active.map(({ start }) => start)));
      // Those in strings, templates and comments are no statements.
      let confirmed = active.filter(({ start }) => places.has(start));
      // `a\n%b` is a remainder if there is no magic `b`.
      for (const magic of fewLines ? confirmed : [])
        if (magic.name !== '!' && !isKnown(magic.name)) {
          const others = confirmed.filter((other) => other !== magic);
          if (!parse(blanked(source, others), lang).problem) confirmed = others;
        }
      if (confirmed.length === active.length)
        return { text, magics: active.map((magic) => ({ ...magic, place: places.get(magic.start) })) };
      active = confirmed;
    }
    const key = active.map(({ start }) => start).join();
    if (active.length === 0 || tried.has(key)) return { text: source, magics: [] };
    tried.add(key);
  }
}

function candidates(source: string): MagicLine[] {
  const found: MagicLine[] = [];
  CANDIDATE.lastIndex = 0;
  for (let match = CANDIDATE.exec(source); match; match = CANDIDATE.exec(source)) {
    const start = match.index + match[0].length - 1;
    let end = lineEnd(source, start);
    // A command goes on after a backslash, as in a shell.
    while (source[start] === '!' && source[end - 1] === '\\' && end < source.length)
      end = lineEnd(source, end + 1);
    const text = source.slice(start + 1, end);
    if (source[start] === '!') {
      const interpolations = findInterpolations(source, start, end);
      found.push({ name: '!', line: text.trim(), start, end, isTime: false, interpolations });
    } else {
      const name = /^\w+/.exec(text)?.[0] ?? '';
      const line = text.slice(name.length).trim();
      found.push({ name, line, start, end, isTime: name === 'time', interpolations: [] });
    }
    CANDIDATE.lastIndex = end;
  }
  return found;
}

function lineEnd(source: string, from: number): number {
  const newline = source.indexOf('\n', from);
  const end = newline === -1 ? source.length : newline;
  return source[end - 1] === '\r' ? end - 1 : end;
}

function blanked(source: string, magics: readonly MagicLine[]): string {
  let text = '';
  let at = 0;
  for (const magic of magics) {
    const { start, end, isTime, interpolations } = magic;
    const stop = isTime ? start + '%time'.length : end;
    text += source.slice(at, start);
    text +=
      interpolations.length > 0 ? interpolated(source, magic) : `{}${spaces(source.slice(start + 2, stop))}`;
    at = stop;
  }
  return text + source.slice(at);
}

/** A block of the expressions, each where it stands: the parser and the rewriting see their names. */
function interpolated(source: string, { start, end, interpolations }: MagicLine): string {
  let text = '{';
  let at = start + 1;
  for (const expression of interpolations) {
    // In place of the brace before it.
    text += `${spaces(source.slice(at, expression.start - 1))};${source.slice(expression.start, expression.end)}`;
    at = expression.end;
  }
  return `${text}${spaces(source.slice(at, end - 1))}}`;
}

function spaces(text: string): string {
  return text.replace(/[^\n\r]/g, ' ');
}

/** The magics without the one that the parser stumbles over, if leaving one out helps. */
function withoutOne(
  source: string,
  active: readonly MagicLine[],
  problem: ParseProblem,
  lang: SourceLanguage,
): MagicLine[] | undefined {
  const nearestFirst = [...active].sort(
    (a, b) => Math.abs(a.start - problem.start) - Math.abs(b.start - problem.start),
  );
  for (const magic of nearestFirst.slice(0, 8)) {
    const others = active.filter((other) => other !== magic);
    const next = parse(blanked(source, others), lang).problem;
    if (!next || next.start > problem.start) return others;
  }
  return undefined;
}

/** The blocks that stand for magics: those that start at one of the offsets where a statement can stand. */
function placesOf(program: Program, starts: ReadonlySet<number>): Map<number, MagicPlace> {
  const places = new Map<number, MagicPlace>();
  let lastIndex = program.body.length - 1;
  while (program.body[lastIndex]?.type === 'EmptyStatement') lastIndex--;
  const lastNode = program.body[lastIndex];
  const visit = (
    node: Node,
    parent: Node | undefined,
    inFunction: boolean,
    inAsync: boolean,
    next: Node | undefined,
  ): void => {
    if (node.type === 'BlockStatement' && starts.has(node.start) && isStatementOf(parent)) {
      places.set(node.start, { inFunction, inAsync, last: node === lastNode, next });
      return;
    }
    if (
      node.type === 'FunctionDeclaration' ||
      node.type === 'FunctionExpression' ||
      node.type === 'ArrowFunctionExpression'
    ) {
      inFunction = true;
      inAsync = node.async;
    } else if (node.type === 'StaticBlock' || node.type === 'PropertyDefinition') {
      inFunction = true;
      inAsync = false;
    }
    for (const child of childrenOf(node)) {
      if (Array.isArray(child)) {
        for (const [index, item] of child.entries())
          if (item) visit(item, node, inFunction, inAsync, child[index + 1] ?? undefined);
      } else if (child) visit(child, node, inFunction, inAsync, undefined);
    }
  };
  visit(program, undefined, false, true, undefined);
  return places;
}

/** Whether a block within is a statement, and not the body that the syntax asks for. */
function isStatementOf(parent: Node | undefined): boolean {
  switch (parent?.type) {
    case 'Program':
    case 'BlockStatement':
    case 'StaticBlock':
    case 'SwitchCase':
    case 'IfStatement':
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
    case 'LabeledStatement':
      return true;
    default:
      return false;
  }
}

import type { Node } from 'oxc-parser';
import type { Completeness } from '../../contracts/compiler.ts';
import { findMagics } from './magics.ts';
import { scan } from './brackets.ts';
import { parse, parseSyntax, type ParseProblem, type SourceLanguage } from './parse.ts';
import { isExpressionCell } from './expression-cell.ts';
import { beginsAsCellMagic } from '../../contracts/magic-syntax.ts';

/** Whether a console should run the text or ask for another line, and how far that line is indented. */
export function isComplete(source: string, isKnown: (name: string) => boolean): Completeness {
  if (beginsAsCellMagic(source)) {
    // The body of a cell magic ends with an empty line.
    return /\n[ \t]*\n?$/.test(source) ? { status: 'complete' } : { status: 'incomplete', indent: '' };
  }
  // A command goes on after a backslash.
  if (/(?:^|\n)[ \t]*![^\n]*\\$/.test(source)) return { status: 'incomplete', indent: '' };
  const { text } = findMagics(source, isKnown, 'ts');
  if (isExpressionCell(text)) return { status: 'complete' };
  const languages: SourceLanguage[] = text.includes('<') ? ['ts', 'tsx'] : ['ts'];
  // A cell that begins with a brace may become an object.
  const readings = (/^\s*\{/.test(text) ? [text, `(${text}`] : [text]).flatMap((whole) =>
    languages.map((language) => ({ language, whole, problem: parseSyntax(whole, language) })),
  );
  if (readings.some(({ problem }) => !problem)) return judgeMeaning(text, languages);
  const state = scan(text);
  if (state.open === 'template' || state.open === 'comment') return { status: 'incomplete', indent: '' };
  if (state.open === 'broken') return { status: 'invalid' };
  const goesOn = readings.some(
    ({ language, whole, problem }) =>
      (problem !== undefined && isAtEnd(whole, problem)) ||
      canGoOn(whole, whole === text ? state.closers : `${state.closers})`, language),
  );
  if (!goesOn) return { status: 'invalid' };
  return { status: 'incomplete', indent: state.indentUnit.repeat(state.depth) };
}

/** The grammar has nothing against the text; there may be mistakes such as a name that is declared twice. */
function judgeMeaning(text: string, languages: readonly SourceLanguage[]): Completeness {
  const isRight = (whole: string): boolean =>
    languages.some((language) => {
      const { problem } = parse(whole, language);
      return !problem || /^Export '.*' is not defined/u.test(problem.message);
    });
  if (isRight(text)) return lacksBody(text) ? { status: 'incomplete', indent: '' } : { status: 'complete' };
  // `let`, `interface` and `delete name` are wrong as expressions, and begin something that is right.
  const goesOn = [' x = 0', ' X {}', '.x'].some((ending) => isRight(text + ending));
  return goesOn ? { status: 'incomplete', indent: '' } : { status: 'invalid' };
}

/** It ends with the head of a function, whose body may begin in the next line. */
function lacksBody(text: string): boolean {
  // Most cells do not end in a parenthesis or a type.
  if (!/\bfunction\b[^;{}]*$/.test(text)) return false;
  const last = parse(text, 'ts').program.body.at(-1);
  const declared = last?.type.startsWith('Export')
    ? (last as { declaration?: Node | null }).declaration
    : last;
  return declared?.type === 'TSDeclareFunction' && !declared.declare && !text.trimEnd().endsWith(';');
}

/** The parser ran out of text: everything before it is the beginning of a program. */
function isAtEnd(text: string, { start }: ParseProblem): boolean {
  return start >= text.trimEnd().length;
}

/** Endings that may complete a text about which the parser complains before its end. */
const ENDINGS = [
  '',
  ' x',
  ' 0',
  ' = 0',
  ' {}',
  ' => 0',
  ' of []',
  ' class X {}',
  ' function x() {}',
  ' from "x"',
  ': 0',
  ' as x',
  '() {}',
  '\nclass X {}',
];

/** The same for long text, each of which takes a parse of all of it. */
const LONG = 20_000;
const FEW_ENDINGS = ['', ' x', ' {}'];

/** Of `import.` and `new.`. */
const MEMBERS = ['meta', 'target'];

/** Type arguments of a call, which the parser takes for comparisons until they are closed. */
const ARGUMENTS = ['>()', ' x>()', ' x>>()', '>>()', ' x>>>()', '>>>()'];

/**
 * Some text makes it a program: an ending, and the missing brackets around it. A pattern that is assigned
 * (`({ a = 1 } = …`) is wrong as an object until its bracket is closed.
 */
function canGoOn(text: string, closers: string, language: SourceLanguage): boolean {
  const endings = [
    ...(text.length > LONG ? FEW_ENDINGS : ENDINGS),
    ...(/\.\s*$/.test(text) ? MEMBERS : []),
    ...(text.includes('<') && text.length <= LONG ? ARGUMENTS : []),
  ];
  for (let count = 0; count <= Math.min(closers.length, 4); count++)
    for (const ending of endings) {
      const whole = `${text}${closers.slice(0, count)}${ending}\n${closers.slice(count)}`;
      const problem = parseSyntax(whole, language);
      if (!problem || problem.start >= text.length + count + ending.length) return true;
    }
  return false;
}

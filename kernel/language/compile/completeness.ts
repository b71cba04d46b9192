import type { Completeness } from '../../interfaces.ts';
import { findMagics } from './magics.ts';
import { scan } from './brackets.ts';
import { parseTypeScript } from './frontend.ts';

/** Whether a console should run the text or ask for another line, and how far that line is indented. */
export function isComplete(source: string, isKnown: (name: string) => boolean): Completeness {
  if (/^\s*%%/.test(source)) {
    // The body of a cell magic ends with an empty line.
    return /\n[ \t]*\n?$/.test(source) ? { status: 'complete' } : { status: 'incomplete', indent: '' };
  }
  const { text } = findMagics(source, isKnown, 'ts');
  const { parsed } = parseTypeScript(text);
  const { problem } = parsed;
  if (!problem) return { status: 'complete' };
  const state = scan(text);
  if (state.open === 'template' || state.open === 'comment') return { status: 'incomplete', indent: '' };
  if (state.open === 'broken') return { status: 'invalid' };
  // Whatever else is wrong is wrong with every continuation, unless the parser ran out of text.
  const end = text.trimEnd().length;
  const atEnd = problem.start >= end;
  if (state.depth > 0 || (atEnd && endsOpen(text))) {
    if (!atEnd && !reachesEnd(text, state.closers)) return { status: 'invalid' };
    return { status: 'incomplete', indent: state.indentUnit.repeat(state.depth) };
  }
  return { status: 'invalid' };
}

/** With the missing brackets, does it parse, or does what is wrong come only at the end? */
function reachesEnd(text: string, closers: string): boolean {
  const { parsed } = parseTypeScript(`${text}\n${closers}`);
  return !parsed.problem || parsed.problem.start >= text.trimEnd().length;
}

/** Whether the text stops where an expression or statement cannot. */
function endsOpen(text: string): boolean {
  for (const rest of [' 0', ' {}', ' x', ' x = 0', ' from "x"', '\nclass X {}'])
    if (!parseTypeScript(text + rest).parsed.problem) return true;
  return false;
}

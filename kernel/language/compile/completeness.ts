import type { Completeness } from '../../interfaces.ts';
import { findMagics } from './magics.ts';
import { parseTypeScript } from './frontend.ts';

const PAIRS: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

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

interface Scan {
  depth: number;
  closers: string;
  open?: 'template' | 'comment' | 'broken';
  indentUnit: string;
}

/** Counts brackets outside strings, templates, comments and (as far as one can tell) regular expressions. */
function scan(text: string): Scan {
  const stack: string[] = [];
  const indentUnit = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  const done = (open?: Scan['open']): Scan => ({
    depth: stack.length,
    closers: stack
      .toReversed()
      .map((bracket) => (bracket === '(' ? ')' : bracket === '[' ? ']' : '}'))
      .join(''),
    indentUnit,
    ...(open ? { open } : {}),
  });
  let significant = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (/\s/.test(char)) continue;
    if (char === '/' && text[at + 1] === '/') {
      const newline = text.indexOf('\n', at);
      if (newline === -1) break;
      at = newline;
      continue;
    }
    if (char === '/' && text[at + 1] === '*') {
      const end = text.indexOf('*/', at + 2);
      if (end === -1) return done('comment');
      at = end + 1;
      continue;
    }
    if (char === '"' || char === "'") {
      const end = /^(?:[^\\\n]|\\[^])*?(?=["'\n])/.exec(text.slice(at + 1));
      let to = at + 1;
      while (to < text.length && text[to] !== char && text[to] !== '\n') to += text[to] === '\\' ? 2 : 1;
      if (!end || text[to] !== char) return done('broken');
      at = to;
    } else if (char === '`' || (char === '}' && stack.at(-1) === '`')) {
      if (char === '}') stack.pop();
      let to = at + 1;
      while (to < text.length && text[to] !== '`' && !(text[to] === '$' && text[to + 1] === '{'))
        to += text[to] === '\\' ? 2 : 1;
      if (to >= text.length) return done('template');
      if (text[to] === '$') {
        stack.push('`');
        at = to + 1;
      } else at = to;
    } else if (char === '/' && /[(,=:[!&|?{};+\-*%<>~^]|^$/.test(significant)) {
      const regex = /^\/(?:[^\\/[\n]|\\.|\[(?:[^\\\]\n]|\\.)*\])+\//.exec(text.slice(at));
      if (regex) at += regex[0].length - 1;
    } else if (char === '(' || char === '[' || char === '{') stack.push(char);
    else if (char in PAIRS) {
      if (stack.at(-1) !== PAIRS[char]) return done('broken');
      stack.pop();
    }
    significant = char;
  }
  return done();
}

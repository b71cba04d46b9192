const PAIRS: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/** Brackets and quotes that are open at the end of a text. */
export interface Scan {
  depth: number;
  /** How deep it got. */
  deepest: number;
  closers: string;
  open?: 'template' | 'comment' | 'broken';
  indentUnit: string;
}

/** Counts brackets outside strings, templates, comments and (as far as one can tell) regular expressions. */
export function scan(text: string): Scan {
  const stack: string[] = [];
  let deepest = 0;
  const indentUnit = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  const done = (open?: Scan['open']): Scan => ({
    depth: stack.length,
    deepest,
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
      let to = at + 1;
      while (to < text.length && text[to] !== char && text[to] !== '\n') to += text[to] === '\\' ? 2 : 1;
      if (text[to] !== char) return done('broken');
      at = to;
    } else if (char === '`' || (char === '}' && stack.at(-1) === '`')) {
      if (char === '}') stack.pop();
      let to = at + 1;
      while (to < text.length && text[to] !== '`' && !(text[to] === '$' && text[to + 1] === '{'))
        to += text[to] === '\\' ? 2 : 1;
      if (to >= text.length) return done('template');
      if (text[to] === '$') {
        stack.push('`');
        deepest = Math.max(deepest, stack.length);
        at = to + 1;
      } else at = to;
    } else if (char === '/' && /[(,=:[!&|?{};+\-*%<>~^]|^$/.test(significant)) {
      at = endOfRegex(text, at) ?? at;
    } else if (char === '(' || char === '[' || char === '{') {
      stack.push(char);
      deepest = Math.max(deepest, stack.length);
    } else if (char in PAIRS) {
      if (stack.at(-1) !== PAIRS[char]) return done('broken');
      stack.pop();
    }
    significant = char;
  }
  return done();
}

/** No regular expression is as long; what is left open is looked at again for each slash. */
const LONGEST_REGEX = 2000;

/** Where the regular expression that begins at `at` ends; undefined when it does not. */
function endOfRegex(text: string, at: number): number | undefined {
  let inClass = false;
  for (let to = at + 1; to < Math.min(text.length, at + LONGEST_REGEX); to++) {
    const char = text[to];
    if (char === '\n') return undefined;
    if (char === '\\') to++;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return to === at + 1 ? undefined : to;
  }
  return undefined;
}

/** Whether brackets are nested deeper than the parser, which is native code, has stack for. */
export function isNestedTooDeeply(text: string): boolean {
  const most = 2000;
  if (text.length <= most) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // ( [ {
    if (code === 40 || code === 91 || code === 123) depth++;
    else if ((code === 41 || code === 93 || code === 125) && depth > 0) depth--;
    // They may stand in a string.
    if (depth > most) return scan(text).deepest > most;
  }
  return false;
}

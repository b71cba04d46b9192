/** Where a JSON text is wrong: V8 names the place of some mistakes only. */

const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

type State = 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'after';

/** Offset of the first character that is not allowed in its place (RFC 8259); the text's length where it ends too early. */
export function jsonErrorOffset(text: string): number {
  /** Closing brackets that are due. */
  const due: string[] = [];
  let state = 'value' as State;
  for (let at = 0; ;) {
    while (' \t\n\r'.includes(text[at] ?? '.')) at++;
    const mark = text[at];
    if (mark === undefined) return at;
    const isFirst = state === 'first key' || state === 'first value';
    if ((state === 'after' || isFirst) && mark === due.at(-1)) {
      due.pop();
      state = 'after';
      at++;
    } else if (state === 'after') {
      if (mark !== ',' || due.length === 0) return at;
      state = due.at(-1) === '}' ? 'key' : 'value';
      at++;
    } else if (state === 'colon') {
      if (mark !== ':') return at;
      state = 'value';
      at++;
    } else if (mark === '"') {
      const { end, isWhole } = endOfString(text, at);
      if (!isWhole) return end;
      state = state === 'key' || state === 'first key' ? 'colon' : 'after';
      at = end;
    } else if (state === 'key' || state === 'first key') return at;
    else if (mark === '{' || mark === '[') {
      due.push(mark === '{' ? '}' : ']');
      state = mark === '{' ? 'first key' : 'first value';
      at++;
    } else {
      LITERAL.lastIndex = at;
      if (!LITERAL.test(text)) return at;
      state = 'after';
      at = LITERAL.lastIndex;
    }
  }
}

/** The offset behind a string, or that of what is wrong in it. */
function endOfString(text: string, start: number): { end: number; isWhole: boolean } {
  for (let at = start + 1; ;) {
    const mark = text[at];
    if (mark === undefined || mark < ' ') return { end: at, isWhole: false };
    if (mark === '"') return { end: at + 1, isWhole: true };
    if (mark === '\\') {
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) return { end: at, isWhole: false };
      at = ESCAPE.lastIndex;
    } else at++;
  }
}

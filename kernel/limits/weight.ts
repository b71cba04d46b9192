/**
 * Which text is compiled in a separate process. The parsers are native code that recurses: brackets, operators, templates,
 * type arguments, labels, conditions, each nested a few thousand times, overflow their stack, which ends the process; some
 * nests take them cubic time. No level of any nest has less than one token, so few tokens cannot nest deeply.
 */

/** UTF-16 code units from which a text is heavy, whatever it holds. */
const LENGTH = 50_000;
/** Tokens of a text; the parsers stand 2,000 levels of what takes most of their stack. */
const TOKENS = 4000;
/** Tokens of one statement, with brackets that are open before it: what can nest, as a rule. */
const STATEMENT = 600;

const TOKEN = /[\p{ID_Start}$_][\p{ID_Continue}$]*|[^\s\p{ID_Continue}]/gu;
/** Begin a statement where no bracket but braces is open; an expression holds them in no other place. */
const BEGINS = new Set(['const', 'let', 'var', 'import', 'export']);

/** Whether the parsers may need long for a text, or overflow their stack. Takes time in proportion to the text's length. */
export function isHeavy(source: string): boolean {
  if (source.length <= STATEMENT) return false;
  if (source.length >= LENGTH) return true;
  return nests(source, STATEMENT, TOKENS);
}

/** Whether a statement, with the brackets that are open before it, has more tokens than `statement`, or the text more than `all`. */
export function nests(source: string, statement: number, all = Infinity): boolean {
  let tokens = 0;
  let since = 0;
  let open = 0;
  for (const [token] of source.matchAll(TOKEN)) {
    if (++tokens > all) return true;
    if (token === '(' || token === '[' || token === '{') open++;
    else if (open > 0 && (token === ')' || token === ']' || token === '}')) open--;
    if (token === ';' || token === '}' || BEGINS.has(token)) since = 0;
    else since++;
    if (since + open > statement) return true;
  }
  return false;
}

/** UTF-16 code units from which a local file is heavy. */
const FILE_LENGTH = 200_000;
/** Begin statements that nest without a bracket: each `else`, and each `for (;;)`, can be a level. */
const HEADS = new Set(['if', 'else', 'for', 'while', 'do', 'with', 'case', '?']);
/** Begin a new statement where no bracket is open. */
const TOPS = new Set([...BEGINS, 'function', 'class', 'interface', 'type', 'namespace', 'enum']);

/**
 * The same for a local file that a cell imports. Files are long as a rule, and a process for each would take time: what counts is
 * how deeply a file can nest, not how many tokens it has.
 */
export function isHeavyFile(source: string): boolean {
  if (source.length <= STATEMENT) return false;
  if (source.length >= FILE_LENGTH || nests(source, STATEMENT)) return true;
  let open = 0;
  let heads = 0;
  for (const [token] of source.matchAll(TOKEN)) {
    if (token === '(' || token === '[' || token === '{') open++;
    else if (open > 0 && (token === ')' || token === ']' || token === '}')) open--;
    if (HEADS.has(token)) heads++;
    else if (open === 0 && TOPS.has(token)) heads = 0;
    if (heads > STATEMENT) return true;
  }
  return false;
}

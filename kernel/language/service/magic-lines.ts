/**
 * Lines of a cell that are for the kernel (`%who`, `!ls`) are blanked with spaces, so that TypeScript sees none of them
 * and every offset stays what it was. Of a cell that runs, the compiler knows those lines; while the user
 * types, and nothing can be parsed, they are recognised by their beginning.
 */
import type { CellCompiler } from '../../contracts/compiler.ts';
import { cellMagicHead } from '../../contracts/magic-syntax.ts';

const MAGIC_LINE = /^[ \t]*%{1,2}([A-Za-z_][\w-]*)(?=[ \t]|$)/;
const COMMAND_LINE = /^[ \t]*![ \t]*[A-Za-z_./~][^\n]*$/;
/** After one of these a line goes on, so `%b` in the next line is a remainder and not a magic. */
const GOES_ON = new Set('-+*/%=&|^<>?:,([{.!~');
/** `!ready && start()`, `!(a || b)`, `!x;`: TypeScript, not a command. */
const NEGATION = /^[ \t]*!+[ \t]*[\w$.]+(?:\([^)]*\)|\[[^\]]*\])*[ \t]*(?:&&|\|\||\?|;|===?|!==?|,|$)/;

export interface BlankedCell {
  /** As long as the source, with the kernel's lines blanked. */
  text: string;
  /** `%%bash` and its kin: nothing of the cell is TypeScript. */
  foreign: boolean;
  /** It means an object, and TypeScript would take it for a block: it has to stand in parentheses. */
  isExpression?: boolean;
}

/** Cell magics whose body is TypeScript. */
const TYPESCRIPT_BODIES = new Set(['time', 'timeit', 'capture', 'profile', 'prun']);
/** Line magics that are followed by a statement. */
const TYPESCRIPT_LINES = new Set(['time']);

/**
 * Blanks magics and commands. `magics` says which names are magics; without it every name is one.
 * Strings, templates and comments that begin a line with `%` are rare enough to be told by the line before.
 */
export function blankMagics(source: string, magics?: ReadonlySet<string>): BlankedCell {
  if (!source.includes('%') && !source.includes('!')) return { text: source, foreign: false };
  const cellMagic = cellMagicHead(source)?.name;
  const known = cellMagic !== undefined && (magics === undefined || magics.has(cellMagic));
  if (known && !TYPESCRIPT_BODIES.has(cellMagic)) {
    return { text: blank(source), foreign: true };
  }
  let inTemplate = false;
  let inComment = false;
  let previous = '';
  const lines = source.split('\n').map((line) => {
    const free = !inTemplate && !inComment && !GOES_ON.has(previous);
    const blanked = free ? blankLine(line, magics) : line;
    if (blanked === line) ({ inTemplate, inComment } = after(line, inTemplate, inComment));
    const comment = blanked.indexOf('//');
    const code = (comment === -1 ? blanked : blanked.slice(0, comment)).trimEnd();
    if (code !== '') previous = code.slice(-1);
    return blanked;
  });
  return { text: lines.join('\n'), foreign: false };
}

/** Blanks what the compiler takes for magics. */
export function blankParts(
  source: string,
  split: CellCompiler['split'],
  magics?: ReadonlySet<string>,
): BlankedCell {
  const parts = split(source);
  if (parts.kind === 'cell-magic') return blankMagics(source, magics);
  const original = source.split('\n');
  const lines = [...original];
  for (const { name, at } of parts.magics) {
    const line = lines[at.line];
    if (line === undefined) continue;
    const kept = TYPESCRIPT_LINES.has(name) ? at.column + 1 + name.length : line.length;
    lines[at.line] = line.slice(0, at.column) + blank(line.slice(at.column, kept)) + line.slice(kept);
    // A command goes on after a backslash, as in a shell.
    if (name !== '!') continue;
    for (let next = at.line; /\\\r?$/.test(original[next] ?? ''); next++) {
      lines[next + 1] = blank(original[next + 1] ?? '');
    }
  }
  return { text: lines.join('\n'), foreign: false, isExpression: parts.isExpression === true };
}

function blankLine(line: string, magics: ReadonlySet<string> | undefined): string {
  const magic = MAGIC_LINE.exec(line);
  const [, name = ''] = magic ?? [];
  if (magic && (!magics || magics.has(name))) {
    if (!TYPESCRIPT_LINES.has(name)) return blank(line);
    return blank(magic[0]) + line.slice(magic[0].length);
  }
  if (COMMAND_LINE.test(line) && !NEGATION.test(line)) return blank(line);
  return line;
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

/** Whether a template literal or a block comment is open after this line. */
function after(
  line: string,
  template: boolean,
  comment: boolean,
): { inTemplate: boolean; inComment: boolean } {
  let inTemplate = template;
  let inComment = comment;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (inComment) {
      if (char === '*' && line[at + 1] === '/') {
        inComment = false;
        at++;
      }
    } else if (char === '\\') at++;
    else if (quote) {
      if (char === quote) quote = '';
    } else if (inTemplate) {
      if (char === '`') inTemplate = false;
    } else if (char === '`') inTemplate = true;
    else if (char === '"' || char === "'") quote = char;
    else if (char === '/' && line[at + 1] === '/') break;
    else if (char === '/' && line[at + 1] === '*') {
      inComment = true;
      at++;
    }
  }
  return { inTemplate, inComment };
}

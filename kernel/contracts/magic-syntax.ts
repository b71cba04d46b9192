/** The first line of a cell that is a cell magic: `%%name arguments`. */
export interface CellMagicHead {
  /** Without `%%`; `!` for `%%!`. */
  name: string;
  /** The rest of the line, without space around it. */
  line: string;
  /** UTF-16 code units up to the body, the line break included. */
  length: number;
}

/** Whether a cell begins as a cell magic: then none of it is parsed as TypeScript before the magic is known. */
export function beginsAsCellMagic(source: string): boolean {
  return /^\s*%%/.test(source);
}

/** The first line of a cell magic; undefined where the cell is TypeScript. */
export function cellMagicHead(source: string): CellMagicHead | undefined {
  const head = /^\s*%%([\w!]+)([^\n]*)\n?/.exec(source);
  if (head === null) return undefined;
  const [whole, name = '', rest = ''] = head;
  return { name, line: rest.trim(), length: whole.length };
}

/** The name of the magic that a line begins with, after `%` or `%%`; undefined for other lines. */
export function magicName(line: string): string | undefined {
  return /^\s*%%?([\w-]+)/.exec(line)?.[1];
}

/** Whether a line begins as a magic or a command, so that nothing of it is an operand of the line above. */
export function beginsAsMagic(line: string): boolean {
  return /^\s*[%!]/.test(line);
}

/** Whether a line has nothing but space and a comment to its end. */
export function isBlankOrComment(line: string): boolean {
  return /^\s*(\/\/.*)?$/.test(line);
}

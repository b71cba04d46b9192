import { inspect } from 'node:util';

const WIDTH = 76;

/** A piece of text, and how many levels of braces it has (deep ones are not squeezed into one line). */
export interface Piece {
  text: string;
  levels: number;
}

export function leaf(text: string): Piece {
  return { text, levels: 0 };
}

/** One line where that is short, else a line each; numbers in columns. */
export function layout(entries: readonly Piece[], open: string, close: string, columns = false): Piece {
  if (entries.length === 0) return leaf(`${open}${close}`);
  const levels = 1 + Math.max(...entries.map((entry) => entry.levels));
  const texts = entries.map((entry) => entry.text);
  const width = texts.reduce((sum, text) => sum + text.length + 2, open.length + close.length);
  const single = levels <= 3 && width <= WIDTH && texts.every((text) => !text.includes('\n'));
  if (single) return { text: `${open} ${texts.join(', ')} ${close}`, levels };
  const lines =
    columns && entries.length > 6 && texts.every((text) => text.length <= 24 && !text.includes('\n'))
      ? inColumns(texts)
      : texts.map((text, index) => (index === texts.length - 1 ? text : `${text},`));
  const body = lines.map((line) => `  ${line.replaceAll('\n', '\n  ')}`).join('\n');
  return { text: `${open}\n${body}\n${close}`, levels };
}

function inColumns(texts: readonly string[]): string[] {
  // The note about what is left out gets a separate line.
  const last = texts.at(-1)?.startsWith('… ') === true ? texts.at(-1) : undefined;
  const shown = last === undefined ? texts : texts.slice(0, -1);
  const cells = shown.map((text, index) => (index === texts.length - 1 ? `${text} ` : `${text},`));
  const cell = Math.max(...cells.map((text) => text.length)) + 1;
  const perLine = Math.max(1, Math.min(16, Math.floor(WIDTH / cell)));
  const numeric = cells.every((text) => /^-?[\d.]|^NaN|^-?Infinity/.test(text));
  const lines: string[] = [];
  for (let start = 0; start < cells.length; start += perLine) {
    const row = cells.slice(start, start + perLine);
    lines.push(
      row
        .map((text) => (numeric ? text.padStart(cell - 1) : text.padEnd(cell - 1)))
        .join(' ')
        .trimEnd(),
    );
  }
  return last === undefined ? lines : [...lines, last];
}

export function keyText(key: string | symbol): string {
  if (typeof key === 'symbol') return `[${String(key)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : inspect(key);
}

/**
 * The last line of an output stream, as a terminal would show it. Front ends know the carriage return and colours, and
 * no other control sequence: what programs do to the line they are on is put in those terms.
 */

/** Longer lines are no progress bars. */
const LONGEST = 2000;
// oxlint-disable-next-line no-control-regex
const CONTROL = /\u001B\[(\d*)([GK])|\r(?!\n)|\n/gu;
// oxlint-disable-next-line no-control-regex
const STYLE = /\u001B\[[\d;]*m/gu;

export class TerminalLine {
  /** The text of the line. */
  #text = '';
  /** Where the next character goes. */
  #column = 0;

  /** `text` with cursor movements and deletions within its line as carriage returns and spaces. */
  write(text: string): string {
    // Most output: whole lines, of which only the last one matters.
    if (!text.includes('\r') && !text.includes('\u001B[')) {
      const newline = text.lastIndexOf('\n');
      if (newline >= 0) {
        this.#text = '';
        this.#column = 0;
      }
      this.#put(text.slice(newline + 1));
      return text;
    }
    let shown = '';
    let at = 0;
    CONTROL.lastIndex = 0;
    for (let match = CONTROL.exec(text); match; match = CONTROL.exec(text)) {
      shown += this.#put(text.slice(at, match.index));
      at = match.index + match[0].length;
      if (match[0] === '\n') {
        shown += '\n';
        this.#text = '';
        this.#column = 0;
      } else if (match[0] === '\r') shown += this.#moveTo(0);
      else if (match[2] === 'G') shown += this.#moveTo(Math.max(0, Number(match[1] || 1) - 1));
      else shown += this.#erase(Number(match[1] || 0));
    }
    return shown + this.#put(text.slice(at));
  }

  #put(text: string): string {
    if (text === '') return '';
    const plain = text.replace(STYLE, '');
    if (this.#column + plain.length > LONGEST) this.#text = '';
    else
      this.#text =
        this.#text.slice(0, this.#column).padEnd(this.#column) +
        plain +
        this.#text.slice(this.#column + plain.length);
    this.#column += plain.length;
    return text;
  }

  #moveTo(column: number): string {
    this.#column = column;
    return column === 0 ? '\r' : `\r${this.#text.slice(0, column).padEnd(column)}`;
  }

  /** @param what 0: from the cursor on, 1: up to the cursor, 2: all */
  #erase(what: number): string {
    const column = this.#column;
    const { length } = this.#text;
    const kept =
      what === 0
        ? this.#text.slice(0, column)
        : what === 1
          ? ' '.repeat(column) + this.#text.slice(column)
          : '';
    this.#text = kept;
    return `\r${kept.padEnd(length)}\r${kept.slice(0, column).padEnd(column)}`;
  }
}

import { formatFileSize } from '../src/base/text/bytes.ts';

/** Reports of a command while it works: lines that stay, and one that is rewritten in place on a terminal. */
export interface Reporter {
  say(line: string): void;
  progress(step: string, done: number, total: number): void;
  /** A passing remark, such as what pip collects just now. */
  note(text: string): void;
  /** Removes the line in place. */
  clear(): void;
}

/** Writes to a terminal, or plain lines when `stream` is a file or pipe: then a step is told at each quarter. */
export function reporter(stream: NodeJS.WriteStream = process.stdout): Reporter {
  const live = stream.isTTY;
  let shown = false;
  let quarter = -1;
  const clear = (): void => {
    if (shown) stream.write('\r\u001b[K');
    shown = false;
  };
  const place = (text: string): void => {
    stream.write(`\r\u001b[K  ${text.slice(0, Math.max(10, (stream.columns ?? 80) - 4))}`);
    shown = true;
  };
  return {
    clear,
    say(line) {
      clear();
      quarter = -1;
      stream.write(`${line}\n`);
    },
    note(text) {
      if (live) place(text);
    },
    progress(step, done, total) {
      const percent = total > 0 ? Math.floor((done / total) * 100) : 0;
      const text = `${step} ${formatFileSize(done)} of ${formatFileSize(total)} (${percent} %)`;
      if (live) {
        place(text);
        return;
      }
      const now = Math.floor(percent / 25);
      if (now < quarter) quarter = -1;
      if (now === quarter || now === 0) return;
      quarter = now;
      stream.write(`  ${text}\n`);
    },
  };
}

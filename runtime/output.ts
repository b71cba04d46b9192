import { Console } from 'node:console';
import { syncBuiltinESMExports } from 'node:module';
import { StringDecoder } from 'node:string_decoder';
import { Writable } from 'node:stream';
import tty from 'node:tty';
import { inspect } from 'node:util';
import { isCalm } from '../src/display/calm.ts';
import { plainText } from '../src/display/plain-text.ts';
import { TerminalLine } from './terminal-line.ts';

/**
 * `process.stdout` and `process.stderr` of a notebook: text goes to the cell at once and in order. Nothing is kept
 * back, so a line that a cell printed before an endless loop is seen.
 */
class CellStream extends Writable {
  readonly fd: number;
  readonly columns = 80;
  readonly rows = 24;
  readonly #isAttended: () => boolean;
  readonly #line = new TerminalLine();
  readonly #emit: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');

  constructor(fd: number, emit: (text: string) => void, isAttended: () => boolean) {
    super({ decodeStrings: false });
    this.fd = fd;
    this.#emit = emit;
    this.#isAttended = isAttended;
  }

  /** Programs draw progress bars for a person; a program that executes the notebook gets plain lines. */
  get isTTY(): boolean {
    return this.#isAttended();
  }

  /** 256 colours, which front ends show. */
  getColorDepth(): number {
    return 8;
  }

  hasColors(count: unknown = 16): boolean {
    return typeof count !== 'number' || count <= 256;
  }

  getWindowSize(): [number, number] {
    return [this.columns, this.rows];
  }

  cursorTo(column: number, ...rest: unknown[]): boolean {
    this.#put(`\u001B[${column + 1}G`, 'utf8');
    return this.#moved(rest);
  }

  /** Up and down is more than front ends can show: the cursor stays in its line. */
  moveCursor(_columns: number, _rows: number, ...rest: unknown[]): boolean {
    return this.#moved(rest);
  }

  /** @param direction -1: to the left, 1: to the right, 0: the whole line */
  clearLine(direction: -1 | 0 | 1, ...rest: unknown[]): boolean {
    this.#put(`\u001B[${direction < 0 ? 1 : direction > 0 ? 0 : 2}K`, 'utf8');
    return this.#moved(rest);
  }

  clearScreenDown(...rest: unknown[]): boolean {
    return this.clearLine(1, ...rest);
  }

  #moved(rest: readonly unknown[]): true {
    const done = rest.find((value) => typeof value === 'function') as (() => void) | undefined;
    if (done) process.nextTick(done);
    return true;
  }

  /** Bypasses the machinery of streams: the write below is synchronous and never needs its queue. */
  override write(
    chunk: unknown,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    callback?: (error?: Error | null) => void,
  ): boolean {
    const done = typeof encoding === 'function' ? encoding : callback;
    this.#put(chunk, typeof encoding === 'string' ? encoding : 'utf8');
    if (done) process.nextTick(done);
    return true;
  }

  /** Other code may end the stream (`readable.pipe(process.stdout)`); a notebook's never ends. */
  override end(chunk?: unknown, ...rest: unknown[]): this {
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      this.#put(chunk, typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8');
    }
    const done = [chunk, ...rest].find((value) => typeof value === 'function') as (() => void) | undefined;
    if (done) process.nextTick(done);
    return this;
  }

  override _write(chunk: unknown, encoding: BufferEncoding, callback: () => void): void {
    this.#put(chunk, encoding);
    callback();
  }

  override destroy(): this {
    return this;
  }

  #put(chunk: unknown, encoding: BufferEncoding): void {
    let text: string;
    if (typeof chunk === 'string') {
      text = encoding === 'hex' || encoding === 'base64' ? Buffer.from(chunk, encoding).toString() : chunk;
    } else if (chunk instanceof Uint8Array) {
      text = this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    } else {
      throw new TypeError(
        `process.${this.fd === 1 ? 'stdout' : 'stderr'}.write takes a string or bytes, not ${typeof chunk}`,
      );
    }
    if (text.length > 0) this.#emit(this.#line.write(text));
  }
}

/** A method of the console that runs no getter of what it shows: Node's reads tags, names and the like. */
function withCalm(method: (...values: unknown[]) => unknown): (...values: unknown[]) => unknown {
  return (...values) => method(...values.map((value) => (isCalm(value) ? value : asText(value))));
}

function asText(value: unknown): object {
  return { [inspect.custom]: () => plainText(value) };
}

export interface OutputOptions {
  emit: (name: 'stdout' | 'stderr', text: string) => void;
  /** Shows what has rows as a table; whether it has any. */
  showTable: (data: unknown, columns: string[] | undefined) => boolean;
  clear: () => void;
  /** Whether a person looks at the output of the cell that runs. */
  isAttended: () => boolean;
}

/** Replaces the streams and the console of the process. */
export function installOutput({ emit, showTable, clear, isAttended }: OutputOptions): void {
  const stdout = new CellStream(1, (text) => emit('stdout', text), isAttended);
  const stderr = new CellStream(2, (text) => emit('stderr', text), isAttended);
  // Packages that colour their text ask this first (supports-color).
  const { isatty } = tty;
  tty.isatty = (fd) => fd === 1 || fd === 2 || isatty(fd);
  syncBuiltinESMExports();
  // The next question is what the terminal can do; ipykernel answers it in the same way.
  if ((process.env['TERM'] ?? 'dumb') === 'dumb') process.env['TERM'] = 'xterm-256color';
  Object.defineProperty(process, 'stdout', { value: stdout, configurable: true, enumerable: true });
  Object.defineProperty(process, 'stderr', { value: stderr, configurable: true, enumerable: true });
  const console = new Console({
    stdout,
    stderr,
    colorMode: false,
    ignoreErrors: false,
  });
  // Methods that only an inspector has (profile, timeStamp…) stay as Node made them.
  const own: readonly [string, unknown][] = Object.entries(console);
  const methods: Record<string, unknown> = {};
  for (const [name, method] of own)
    if (typeof method === 'function') methods[name] = withCalm(method as (...values: unknown[]) => unknown);
  const table = (data: unknown, columns?: string[]): void => {
    if (!showTable(data, columns)) globalThis.console.log(data);
  };
  Object.assign(globalThis.console, methods, { Console, clear, table });
}

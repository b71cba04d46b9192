import { Console } from 'node:console';
import { StringDecoder } from 'node:string_decoder';
import { Writable } from 'node:stream';

/**
 * `process.stdout` and `process.stderr` of a notebook: text goes to the cell at once and in order. Nothing is kept
 * back, so a line that a cell printed before an endless loop is seen.
 */
export class CellStream extends Writable {
  readonly fd: number;
  readonly isTTY = false;
  readonly #emit: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');

  constructor(fd: number, emit: (text: string) => void) {
    super({ decodeStrings: false });
    this.fd = fd;
    this.#emit = emit;
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
    if (text.length > 0) this.#emit(text);
  }
}

/**
 * Replaces the streams and the console of the process. `showTable` shows what has rows as a table, and says whether it
 * has any.
 */
export function installOutput(
  emit: (name: 'stdout' | 'stderr', text: string) => void,
  showTable: (data: unknown, columns: string[] | undefined) => boolean,
): void {
  const stdout = new CellStream(1, (text) => emit('stdout', text));
  const stderr = new CellStream(2, (text) => emit('stderr', text));
  Object.defineProperty(process, 'stdout', { value: stdout, configurable: true, enumerable: true });
  Object.defineProperty(process, 'stderr', { value: stderr, configurable: true, enumerable: true });
  const console = new Console({
    stdout,
    stderr,
    colorMode: false,
    ignoreErrors: false,
  });
  // Methods that only an inspector has (profile, timeStamp…) stay as Node made them.
  const target = globalThis.console as unknown as Record<string, unknown>;
  for (const name of Object.keys(console)) {
    const method = (console as unknown as Record<string, unknown>)[name];
    if (typeof method === 'function') target[name] = method;
  }
  target['Console'] = Console;
  target['table'] = (data: unknown, columns?: string[]) => {
    if (!showTable(data, columns)) console.log(data);
  };
}

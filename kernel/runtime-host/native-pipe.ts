import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { startOfReport } from '../processes/death.ts';
import { filterNativeLog } from './native-log.ts';

// eslint-disable-next-line no-control-regex -- nothing that a person prints looks like it
const MARKER = /\u0000\u0001tensorcell:(?<execution>\d+)\u0001\u0000/u;
const MARKER_START = '\u0000\u0001';
/** A last line without an end is shown after this time; until then its rest may decide whether it is shown. */
const PARTIAL_MS = 100;
const TAIL = 16 * 1024;

/**
 * Output of native code and child processes on the standard output and error of the runtime process. Markers in it tell when
 * everything of an execution has come through.
 */
export class NativePipe {
  readonly #stream: Readable;
  readonly #emit: (text: string) => void | Promise<void>;
  readonly #decoder = new StringDecoder('utf8');
  readonly #waiting = new Map<number, () => void>();
  readonly #seen = new Set<number>();
  #showing: Promise<void> | undefined;
  #turn = 0;
  /** Node has begun to report a fatal error. */
  #dying = false;
  #ended = false;
  #text = '';
  #timer: NodeJS.Timeout | undefined;
  #finished!: () => void;
  /** Resolves when the pipe has ended. */
  readonly finished = new Promise<void>((resolve) => {
    this.#finished = resolve;
  });
  /** The end of everything, unfiltered. */
  tail = '';

  constructor(stream: Readable, emit: (text: string) => void | Promise<void>) {
    this.#stream = stream;
    this.#emit = emit;
    stream.on('data', (chunk: Buffer) => this.#take(this.#decoder.write(chunk)));
    stream.on('end', () => this.#finish());
    stream.on('close', () => this.#finish());
    stream.on('error', () => this.#finish());
  }

  /** Resolves when what was written before the execution's end has been handed on. */
  passed(execution: number): Promise<void> | undefined {
    if (this.#ended || this.#seen.delete(execution)) return this.#showing;
    return new Promise<void>((resolve) => this.#waiting.set(execution, resolve)).then(() => this.#showing);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#finished();
    clearTimeout(this.#timer);
    this.#show(this.#text);
    this.#text = '';
    for (const resolve of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }

  #take(text: string): void {
    this.#text += text;
    for (let match = MARKER.exec(this.#text); match; match = MARKER.exec(this.#text)) {
      this.#show(this.#text.slice(0, match.index));
      this.#text = this.#text.slice(match.index + match[0].length);
      const execution = Number(match.groups?.['execution']);
      const resolve = this.#waiting.get(execution);
      if (!resolve) this.#seen.add(execution);
      this.#waiting.delete(execution);
      resolve?.();
    }
    const partial = this.#text.lastIndexOf(MARKER_START);
    const end = this.#text.lastIndexOf('\n', partial === -1 ? undefined : partial) + 1;
    if (end > 0) {
      this.#show(this.#text.slice(0, end));
      this.#text = this.#text.slice(end);
    }
    clearTimeout(this.#timer);
    if (this.#text !== '' && partial === -1) {
      this.#timer = setTimeout(() => {
        this.#show(this.#text);
        this.#text = '';
      }, PARTIAL_MS);
    }
  }

  #show(text: string): void {
    if (text === '') return;
    this.tail = (this.tail + text).slice(-TAIL);
    if (this.#dying) return;
    const report = startOfReport(text);
    this.#dying = report !== -1;
    const kept = filterNativeLog(this.#dying ? text.slice(0, report) : text);
    if (kept === '') return;
    const taken = this.#emit(kept);
    if (!(taken instanceof Promise)) return;
    this.#stream.pause();
    this.#showing = this.#afterwards(this.#showing, taken);
  }

  async #afterwards(before: Promise<void> | undefined, taken: Promise<void>): Promise<void> {
    const turn = ++this.#turn;
    await before;
    await taken;
    if (turn !== this.#turn) return;
    this.#showing = undefined;
    this.#stream.resume();
  }
}

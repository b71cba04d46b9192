import { performance } from 'node:perf_hooks';
import { escapeHtml } from '../display/html.ts';
import { notebookHost } from '../host.ts';
import { LiveDisplay, progressMode } from './live-display.ts';
import type { DisplayMode } from './live-display.ts';
import { durationText, rateText, textBar } from './wording.ts';

export interface ProgressOptions {
  /** Said before the bar. */
  label?: string;
  /** How many items there will be, where the iterable does not tell. */
  total?: number;
  mode?: DisplayMode;
  /** Nothing is shown of a loop that ends sooner than this. Default 0. */
  delayMs?: number;
}

/**
 * Any loop with a bar: `for (const item of tensorcell.progress(items)) …`, and `for await` over what is asynchronous.
 * The bar shows the rate and the time left, and ends where the loop ends.
 */
export function progress<T>(items: Iterable<T>, options?: ProgressOptions): Iterable<T>;
export function progress<T>(items: AsyncIterable<T>, options?: ProgressOptions): AsyncIterable<T>;
export function progress<T>(
  items: Iterable<T> | AsyncIterable<T>,
  options: ProgressOptions = {},
): Iterable<T> | AsyncIterable<T> {
  return Symbol.asyncIterator in items ? overAsync(items, options) : overSync(items, options);
}

function* overSync<T>(items: Iterable<T>, options: ProgressOptions): Generator<T> {
  const bar = new Bar(options, knownLength(items));
  try {
    for (const item of items) {
      yield item;
      bar.step();
    }
    bar.complete = true;
  } finally {
    bar.end();
  }
}

async function* overAsync<T>(items: AsyncIterable<T>, options: ProgressOptions): AsyncGenerator<T> {
  const bar = new Bar(options, knownLength(items));
  try {
    for await (const item of items) {
      yield item;
      bar.step();
    }
    bar.complete = true;
  } finally {
    bar.end();
  }
}

function knownLength(items: object): number | undefined {
  const { length, size } = items as { length?: unknown; size?: unknown };
  const known = typeof length === 'number' ? length : size;
  return typeof known === 'number' && Number.isFinite(known) ? known : undefined;
}

class Bar {
  complete = false;
  private done = 0;
  private readonly total: number | undefined;
  private readonly label: string;
  private readonly mode: DisplayMode;
  private readonly started = performance.now();
  private readonly delay: number;
  private readonly live = new LiveDisplay();

  constructor(options: ProgressOptions, length: number | undefined) {
    this.total = options.total ?? length;
    this.label = options.label ?? '';
    this.mode = options.mode ?? progressMode();
    this.delay = options.delayMs ?? 0;
    if (this.mode === 'chart' && this.delay === 0) this.draw();
  }

  /** Whether it has taken long enough to be shown. */
  private get long(): boolean {
    return this.delay === 0 || performance.now() - this.started >= this.delay;
  }

  step(): void {
    this.done += 1;
    if (this.mode === 'chart' && this.live.due && this.long) this.draw();
  }

  end(): void {
    if (this.mode === 'quiet' || (!this.long && this.live.updates === 0)) return;
    if (this.mode === 'chart') this.draw(true);
    else process.stdout.write(`${this.line(true)}\n`);
  }

  private draw(ended = false): void {
    const line = this.line(ended);
    const text = this.total === undefined ? line : `${textBar(this.done / (this.total || 1))} ${line}`;
    // What is known has a bar; what is not, and has ended, has none that moves.
    const bar =
      this.total === undefined
        ? ended
          ? ''
          : '<progress></progress> '
        : `<progress value="${Math.min(this.done, this.total)}" max="${this.total || 1}"></progress> `;
    this.live.show(() => ({
      data: { 'text/plain': text, 'text/html': `<div>${bar}${escapeHtml(line)}</div>` },
      metadata: {},
    }));
  }

  private line(ended: boolean): string {
    const time = performance.now() - this.started;
    const rate = (this.done / time) * 1000;
    const count = this.total === undefined ? String(this.done) : `${this.done} of ${this.total}`;
    const left =
      this.total === undefined || this.done === 0
        ? ''
        : `${durationText((this.total - this.done) / (rate / 1000))} left`;
    const state = ended ? `${durationText(time)}${this.complete ? '' : ', stopped'}` : left;
    return [this.label, count, rateText(rate, 'item'), state].filter((part) => part !== '').join(' · ');
  }
}

/** Whether the running cell was interrupted: for loops of one's own that should end between two steps. */
export function interrupted(): boolean {
  return notebookHost()?.interrupted ?? false;
}

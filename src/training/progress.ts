import { performance } from 'node:perf_hooks';
import type * as Tf from '@tensorflow/tfjs';
import { escapeHtml } from '../base/text/html.ts';
import type { Rendered } from '../display/index.ts';
import { notebookHost } from '../base/host.ts';
import { chartForms } from './chart-forms.ts';
import { chartSvg } from '../display/plot/panels.ts';
import type { Panel } from '../display/plot/panels.ts';
import { LiveDisplay, progressMode } from './live-display.ts';
import type { DisplayMode } from './live-display.ts';
import { Metrics } from './metrics.ts';
import { durationText, logsText, rateText, textBar } from './wording.ts';

export interface ProgressOptions {
  /** Said before the bar. */
  label?: string;
  /** How many items there will be, where the iterable does not tell. */
  total?: number;
  mode?: DisplayMode;
  /** Nothing is shown of a loop that ends sooner than this. Default 0. */
  delayMs?: number;
}

/** The measurements of a loop: numbers, or scalars that are still on the device. */
export type LoopMetrics = Readonly<Record<string, number | Tf.Scalar>>;

interface Logging {
  /**
   * Metrics of the present item, for the line and a chart like that of `fit`: `val_loss` is drawn in the chart of `loss`. A scalar is
   * read from the device only when something is shown, about ten times a second, and may be disposed after the call.
   */
  log(metrics: LoopMetrics): void;
}

export interface Progress<T> extends Iterable<T>, Logging {}
export interface AsyncProgress<T> extends AsyncIterable<T>, Logging {}

/**
 * Any loop with a bar: `for (const item of tensorcell.progress(items)) …`, and `for await` over what is asynchronous.
 * The bar shows the rate and the time left, and ends where the loop ends. With `log` a loop that trains shows its metrics
 * as `fit` does:
 *
 *     const steps = tensorcell.progress(batches);
 *     for (const batch of steps) steps.log({ loss: optimizer.minimize(() => …, true) });
 */
export function progress<T>(items: Iterable<T>, options?: ProgressOptions): Progress<T>;
export function progress<T>(items: AsyncIterable<T>, options?: ProgressOptions): AsyncProgress<T>;
export function progress<T>(
  items: Iterable<T> | AsyncIterable<T>,
  options: ProgressOptions = {},
): Progress<T> | AsyncProgress<T> {
  let bar: Bar | undefined;
  const start = (): Bar => (bar = new Bar(options, knownLength(items)));
  const log = (metrics: LoopMetrics): void => bar?.log(metrics);
  return Symbol.asyncIterator in items
    ? { [Symbol.asyncIterator]: () => overAsync(items, start()), log }
    : { [Symbol.iterator]: () => overSync(items, start()), log };
}

function* overSync<T>(items: Iterable<T>, bar: Bar): Generator<T> {
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

async function* overAsync<T>(items: AsyncIterable<T>, bar: Bar): AsyncGenerator<T> {
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
  private ended = false;
  private readonly total: number | undefined;
  private readonly label: string;
  private readonly mode: DisplayMode;
  private readonly started = performance.now();
  private readonly delay: number;
  private readonly live = new LiveDisplay();
  private readonly metrics = new Metrics();

  constructor(options: ProgressOptions, length: number | undefined) {
    this.total = options.total ?? length;
    this.label = options.label ?? '';
    this.mode = options.mode ?? progressMode();
    this.delay = options.delayMs ?? 0;
    if (this.mode === 'chart' && this.delay === 0) this.draw();
    // A cell that is interrupted runs no `finally`.
    const host = notebookHost();
    host?.onEnd(host.execution(), () => {
      if (host.interrupted) this.end();
    });
  }

  log(metrics: LoopMetrics): void {
    if (this.ended || this.mode === 'quiet') return;
    this.metrics.add(this.done + 1, metrics, this.mode === 'chart' && this.live.due);
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
    if (this.ended) return;
    this.ended = true;
    this.metrics.readAll();
    const shown = this.long || this.live.updates > 0;
    if (this.mode === 'chart' && shown) this.draw();
    if ((this.mode === 'text' || this.mode === 'lines') && shown) {
      process.stdout.write(`${this.line()}\n`);
      const panels = this.metrics.panels(this.done, 'items');
      if (this.mode === 'lines' && panels.length > 0) this.live.show(() => this.finalForms(panels), 'ended');
    }
  }

  private draw(): void {
    const panels = this.metrics.panels(this.ended ? this.done : (this.total ?? this.done), 'items');
    const training = panels.length === 0 ? undefined : this.ended ? 'ended' : 'running';
    this.live.show(
      () => (this.ended && panels.length > 0 ? this.finalForms(panels) : this.liveForms(panels)),
      training,
    );
  }

  private liveForms(panels: readonly Panel[]): Rendered {
    const line = this.line();
    const text = this.total === undefined ? line : `${textBar(this.done / (this.total || 1))} ${line}`;
    // A known total has a bar; a loop without one has no moving bar after its end.
    const bar =
      this.total === undefined
        ? this.ended
          ? ''
          : '<progress></progress> '
        : `<progress value="${Math.min(this.done, this.total)}" max="${this.total || 1}"></progress> `;
    const chart =
      panels.length === 0
        ? ''
        : chartSvg(panels, { ink: 'currentColor', description: this.metrics.description(this.done) });
    const html = `<div>${bar}${escapeHtml(line)}${chart === '' ? '' : `<br>${chart}`}</div>`;
    return { data: { 'text/plain': text, 'text/html': html }, metadata: {} };
  }

  private finalForms(panels: readonly Panel[]): Rendered {
    const text = this.line();
    return chartForms(panels, { text, heading: [text], description: this.metrics.description(this.done) });
  }

  private line(): string {
    const time = performance.now() - this.started;
    const rate = (this.done / time) * 1000;
    const count = this.total === undefined ? String(this.done) : `${this.done} of ${this.total}`;
    const left =
      this.total === undefined || this.done === 0
        ? ''
        : `${durationText((this.total - this.done) / (rate / 1000))} left`;
    const state = this.ended ? `${durationText(time)}${this.complete ? '' : ', stopped'}` : left;
    const parts = [this.label, count, rateText(rate, 'item'), state, logsText(this.metrics.current)];
    return parts.filter((part) => part !== '').join(' · ');
  }
}

/** Whether the running cell was interrupted: for custom loops that should end between two steps. */
export function interrupted(): boolean {
  return notebookHost()?.interrupted ?? false;
}

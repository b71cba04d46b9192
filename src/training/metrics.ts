import type * as Tf from '@tensorflow/tfjs';
import type { Line, Panel } from '../display/plot/panels.ts';
import { TRAINING_COLOUR, VALIDATION_COLOUR } from './chart-forms.ts';
import { baseName } from './record.ts';
import type { Point } from './record.ts';
import { metricText } from '../base/text/numbers.ts';

type Value = number | Tf.Scalar;

/** Points kept of a metric; beyond that every second one is dropped. */
const MOST_POINTS = 400;

/** Scalars of so many items wait at most to be read; with more, every second one is dropped. */
const MOST_UNREAD = 64;

interface Unread {
  item: number;
  values: Record<string, Tf.Scalar>;
}

function dispose({ values }: Unread): void {
  for (const value of Object.values(values)) value.dispose();
}

/** Metrics of a custom loop, by the number of its items. */
export class Metrics {
  /** Names in the order in which they came. */
  readonly #names = new Set<string>();
  readonly #points = new Map<string, Point[]>();
  /** Scalars that wait on the device until something is shown. */
  #unread: Unread[] = [];

  /** The values that were read last. */
  get current(): Record<string, number> {
    const last = [...this.#names].map((name) => [name, this.#points.get(name)?.at(-1)?.[1]] as const);
    return Object.fromEntries(last.filter((entry): entry is [string, number] => entry[1] !== undefined));
  }

  /** @param read whether scalars are to be read from the device: they are about to be shown. */
  add(item: number, values: Readonly<Record<string, Value>>, read: boolean): void {
    const unread: Record<string, Tf.Scalar> = {};
    if (read) this.readAll();
    for (const [name, value] of Object.entries(values)) {
      this.#names.add(name);
      if (typeof value === 'number') this.#put(item, name, value);
      else if (read) this.#put(item, name, value.dataSync()[0] as number);
      // A clone shares the value: the loop may dispose its own.
      else unread[name] = keep(value.clone());
    }
    if (Object.keys(unread).length > 0) this.#unread.push({ item, values: unread });
    if (this.#unread.length <= MOST_UNREAD) return;
    // The last one stays, and every second before it.
    const last = this.#unread.length - 1;
    for (const [index, one] of this.#unread.entries()) if ((last - index) % 2 === 1) dispose(one);
    this.#unread = this.#unread.filter((_, index) => (last - index) % 2 === 0);
  }

  /** Reads what waits on the device. */
  readAll(): void {
    for (const one of this.#unread) {
      for (const [name, value] of Object.entries(one.values))
        this.#put(one.item, name, value.dataSync()[0] as number);
      dispose(one);
    }
    this.#unread = [];
  }

  /** A panel for each metric, with its validation twin. */
  panels(to: number, xLabel: string): Panel[] {
    const known = [...this.#names].filter((name) => this.#points.has(name));
    const names = [...new Set(known.map((name) => baseName(name)))];
    return names.slice(0, 4).map((name) => {
      const lines: Line[] = [];
      const own = this.#points.get(name);
      const validation = this.#points.get(`val_${name}`);
      lines.push({ label: 'training', points: own ?? [], colour: TRAINING_COLOUR });
      if (validation !== undefined)
        lines.push({ label: 'validation', points: validation, colour: VALIDATION_COLOUR, dashed: true });
      return { title: name, lines, xLabel, xRange: [0, Math.max(1, to)] as const, xWhole: true };
    });
  }

  /** A description for users who cannot see the chart. */
  description(items: number): string {
    const metrics = Object.entries(this.current).map(([name, last]) => {
      const first = this.#points.get(name)?.[0]?.[1] ?? last;
      return `${name} from ${metricText(first)} to ${metricText(last)}`;
    });
    return `A loop over ${items} items: ${metrics.join('; ')}`;
  }

  #put(item: number, name: string, value: number): void {
    const points = this.#points.get(name) ?? [];
    points.push([item, value]);
    this.#points.set(
      name,
      points.length > MOST_POINTS ? points.filter((_, index) => index % 2 === 1) : points,
    );
  }
}

/** As `tf.keep`, without naming a copy of tfjs: an enclosing `tidy` leaves it alone. */
function keep(tensor: Tf.Scalar): Tf.Scalar {
  return Object.assign(tensor, { kept: true });
}

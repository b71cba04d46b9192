import { setRendering } from './rendered.ts';
import type { Rendered } from './rendered.ts';
import { isTensorLike } from './tensor.ts';
import type { TensorLike } from './tensor.ts';
import { numberText } from './tensor.ts';

/** Blue, vermilion, green, purple, yellow, sky of Okabe and Ito's palette: told apart with every kind of colour vision. */
export const PALETTE = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

export type Numbers = ArrayLike<number> | TensorLike;

/** A chart as a value: Vega-Lite for front ends that draw it, and what it says in words. */
export class Chart {
  readonly specification: object;
  readonly description: string;

  constructor(specification: object, description: string) {
    this.specification = {
      $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
      description,
      ...specification,
    };
    this.description = description;
  }

  render(): Rendered {
    return {
      data: { 'text/plain': this.description, 'application/vnd.vegalite.v5+json': this.specification },
      metadata: {},
    };
  }
}

setRendering(Chart.prototype, function render() {
  return this.render();
});

function read(numbers: Numbers, what: string): number[] {
  const values = Array.from(isTensorLike(numbers) ? (numbers.dataSync() as ArrayLike<number>) : numbers);
  if (values.length === 0) throw new RangeError(`${what} has no values`);
  return values;
}

function short(value: number): string {
  return numberText(Number(value.toPrecision(4)));
}

/**
 * How often values fall into equal ranges from the least to the greatest. Values that are not finite are left out, and
 * counted in the text.
 *
 * @param options `bins`: number of ranges, default 30. `title`: of the axis.
 */
export function histogram(numbers: Numbers, options: { bins?: number; title?: string } = {}): Chart {
  const all = read(numbers, 'histogram()');
  const { bins = 30, title = 'value' } = options;
  if (!Number.isInteger(bins) || bins < 1)
    throw new RangeError(`bins is ${bins}: give a whole number from 1`);
  const values = all.filter((value) => Number.isFinite(value));
  if (values.length === 0) throw new RangeError('histogram(): no value is finite');
  let low = Infinity;
  let high = -Infinity;
  let sum = 0;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
  }
  const width = (high - low) / bins || 1;
  const counts = Array.from({ length: high === low ? 1 : bins }, () => 0);
  for (const value of values) {
    const bin = Math.min(counts.length - 1, Math.floor((value - low) / width));
    counts[bin] = (counts[bin] as number) + 1;
  }
  const odd = all.length - values.length;
  return new Chart(
    {
      width: 400,
      height: 180,
      data: {
        values: counts.map((count, bin) => ({ from: low + bin * width, to: low + (bin + 1) * width, count })),
      },
      mark: { type: 'bar', color: PALETTE[0], tooltip: true },
      encoding: {
        x: { field: 'from', type: 'quantitative', bin: { binned: true, step: width }, title },
        x2: { field: 'to' },
        y: { field: 'count', type: 'quantitative' },
      },
    },
    `Histogram of ${values.length} values from ${short(low)} to ${short(high)}, mean ${short(sum / values.length)}; the fullest range begins at ${short(low + counts.indexOf(Math.max(...counts)) * width)}${odd === 0 ? '' : `; ${odd} values are not finite`}`,
  );
}

export interface RocPoint {
  threshold: number;
  falsePositives: number;
  truePositives: number;
}

/** The curve of a yes-or-no classifier over all thresholds, and the area below it. Made by {@link roc}. */
export class Roc extends Chart {
  /** 0.5 for guessing, 1 for a classifier that is always right. */
  readonly auc: number;
  readonly points: readonly RocPoint[];

  constructor(points: readonly RocPoint[], auc: number) {
    const axis = (field: string, title: string): object => ({
      field,
      type: 'quantitative',
      title,
      scale: { domain: [0, 1] },
    });
    const encoding = {
      x: axis('falsePositives', 'false positives'),
      y: axis('truePositives', 'true positives'),
    };
    super(
      {
        width: 260,
        height: 260,
        title: `area under the curve ${auc.toFixed(3)}`,
        layer: [
          {
            data: {
              values: [
                { falsePositives: 0, truePositives: 0 },
                { falsePositives: 1, truePositives: 1 },
              ],
            },
            mark: { type: 'line', color: '#999999', strokeDash: [4, 3] },
            encoding,
          },
          { data: { values: points }, mark: { type: 'line', color: PALETTE[0], tooltip: true }, encoding },
        ],
      },
      `ROC curve with an area of ${auc.toFixed(3)} below it (0.5: guessing, 1: always right)`,
    );
    this.auc = auc;
    this.points = points;
  }
}

/**
 * Receiver operating characteristic: for every threshold, the part of the negatives that are taken for positives
 * against the part of the positives that are found.
 *
 * @param truth 0 and 1. @param scores the higher, the more likely 1.
 * @throws RangeError where the lengths differ, or one of the classes does not occur.
 */
export function roc(truth: Numbers, scores: Numbers): Roc {
  const labels = read(truth, 'roc(): truth');
  const values = read(scores, 'roc(): scores');
  if (labels.length !== values.length) {
    throw new RangeError(`${labels.length} labels, but ${values.length} scores: give one for each`);
  }
  const positives = labels.filter((label) => label === 1).length;
  const negatives = labels.filter((label) => label === 0).length;
  if (positives + negatives !== labels.length || positives === 0 || negatives === 0) {
    throw new RangeError('roc() takes labels 0 and 1, and some of both');
  }
  const order = [...values.keys()].sort((a, b) => (values[b] as number) - (values[a] as number));
  const points: RocPoint[] = [{ threshold: Infinity, falsePositives: 0, truePositives: 0 }];
  let found = 0;
  let wrong = 0;
  let area = 0;
  for (const [index, at] of order.entries()) {
    if (labels[at] === 1) found += 1;
    else wrong += 1;
    const next = order[index + 1];
    // Equal scores change sides together.
    if (next !== undefined && values[next] === values[at]) continue;
    const last = points.at(-1) as RocPoint;
    const point = {
      threshold: values[at] as number,
      falsePositives: wrong / negatives,
      truePositives: found / positives,
    };
    area += ((point.falsePositives - last.falsePositives) * (point.truePositives + last.truePositives)) / 2;
    points.push(point);
  }
  return new Roc(points, area);
}

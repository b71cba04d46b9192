import { Chart, PALETTE } from './chart.ts';
import { chartSvg, INK } from './plot/panels.ts';
import type { Bar } from './plot/panels.ts';
import { isTensorLike } from './tensor.ts';
import type { TensorLike } from './tensor.ts';
import { numberText } from './tensor.ts';

export type Numbers = ArrayLike<number> | TensorLike;

function read(numbers: Numbers, what: string): number[] {
  const values = Array.from(isTensorLike(numbers) ? (numbers.dataSync() as ArrayLike<number>) : numbers);
  if (values.length === 0) throw new RangeError(`${what} has no values`);
  return values;
}

/** Four significant digits. */
export function short(value: number): string {
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
  const { bars, low, high, mean } = binned(values, bins);
  const width = (bars[0] as Bar).to - (bars[0] as Bar).from;
  const fullest = fullestBar(bars);
  const odd = all.length - values.length;
  const description = `Histogram of ${values.length} values from ${short(low)} to ${short(high)}, mean ${short(mean)}; the fullest range begins at ${short(fullest.from)}${odd === 0 ? '' : `; ${odd} values are not finite`}`;
  return new Chart(
    {
      width: 400,
      height: 180,
      data: { values: bars },
      mark: { type: 'bar', color: PALETTE[0], tooltip: true },
      encoding: {
        x: { field: 'from', type: 'quantitative', bin: { binned: true, step: width }, title },
        x2: { field: 'to' },
        y: { field: 'count', type: 'quantitative' },
      },
    },
    description,
    chartSvg(
      [
        {
          xLabel: title,
          yLabel: 'count',
          xRange: [low, (bars.at(-1) as Bar).to],
          yRange: [0, fullest.count],
          yWhole: true,
          lines: [],
          bars: { values: bars, colour: PALETTE[0] },
        },
      ],
      { ink: INK, size: { width: 460, height: 230 }, description },
    ),
  );
}

/** How often values fall into equal ranges. @param values finite, one at least. */
export function binned(
  values: ArrayLike<number>,
  bins: number,
): { bars: Bar[]; low: number; high: number; mean: number } {
  let low = Infinity;
  let high = -Infinity;
  let sum = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (value < low) low = value;
    if (value > high) high = value;
    sum += value;
  }
  const width = (high - low) / bins || 1;
  const counts = Array.from({ length: high === low ? 1 : bins }, () => 0);
  for (let at = 0; at < values.length; at++) {
    const bin = Math.min(counts.length - 1, Math.floor(((values[at] as number) - low) / width));
    counts[bin] = (counts[bin] as number) + 1;
  }
  const bars = counts.map((count, bin) => ({ from: low + bin * width, to: low + (bin + 1) * width, count }));
  return { bars, low, high, mean: sum / values.length };
}

export function fullestBar(bars: readonly Bar[]): Bar {
  return bars.reduce((fullest, bar) => (bar.count > fullest.count ? bar : fullest));
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
    const description = `ROC curve with an area of ${auc.toFixed(3)} below it (0.5: guessing, 1: always right)`;
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
      description,
      chartSvg(
        [
          {
            title: `area under the curve ${auc.toFixed(3)}`,
            xLabel: 'false positives',
            yLabel: 'true positives',
            xRange: [0, 1],
            yRange: [0, 1],
            lines: [
              {
                points: [
                  [0, 0],
                  [1, 1],
                ],
                colour: '#999999',
                dashed: true,
                marks: false,
              },
              {
                points: points.map(({ falsePositives, truePositives }) => [falsePositives, truePositives]),
                colour: PALETTE[0],
                marks: false,
              },
            ],
          },
        ],
        { ink: INK, size: { width: 320, height: 320 }, description },
      ),
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

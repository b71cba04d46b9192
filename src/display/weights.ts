import { Chart, PALETTE } from './chart.ts';
import { binned, fullestBar, short } from './charts.ts';
import { chartSvg, INK } from './plot/panels.ts';
import type { Bar } from './plot/panels.ts';
import { shapeText } from './tensor.ts';
import type { TensorLike } from './tensor.ts';

/** The part of a tfjs model that its weights need. */
export interface WeightedModel {
  readonly name: string;
  readonly layers?: readonly WeightedModel[];
  readonly trainableWeights?: readonly object[];
  readonly weights: readonly {
    readonly name: string;
    readonly originalName?: string;
    read(): unknown;
  }[];
}

/** The values of one weight of a model. Statistics are of its finite values; NaN where there are none. */
export interface WeightRow {
  name: string;
  shape: number[];
  trainable: boolean;
  min: number;
  max: number;
  mean: number;
  deviation: number;
  notFinite: number;
  /** How often values fall into 30 equal ranges. */
  bars: Bar[];
}

/** Weights with more values than this are looked at in their first part only. */
const MOST_VALUES = 1_000_000;
/** More weights are in the text, but not in the chart. */
const MOST_CHARTS = 24;

interface Flat extends TensorLike {
  reshape(shape: number[]): Flat;
  slice(begin: unknown, size: unknown): Flat;
}

/** The distributions of a model's weights: a chart for each, and a table in words. Made by {@link weights}. */
export class Weights extends Chart {
  readonly rows: readonly WeightRow[];

  constructor(model: string, rows: readonly WeightRow[]) {
    const shown = rows.slice(0, MOST_CHARTS);
    const odd = rows.filter(({ notFinite }) => notFinite > 0);
    const left = rows.length - shown.length;
    const description =
      `Weights of ${model}: ` +
      rows
        .map(
          (row) =>
            `${row.name} ${shapeText(row.shape)} from ${short(row.min)} to ${short(row.max)}, mean ${short(row.mean)}`,
        )
        .join('; ') +
      (odd.length === 0
        ? ''
        : `. Not finite: ${odd.map(({ name, notFinite }) => `${notFinite} values of ${name}`).join(', ')}`);
    super(
      {
        columns: 2,
        concat: shown.map((row) => ({
          title: { text: `${row.name} ${shapeText(row.shape)}`, fontSize: 11 },
          width: 220,
          height: 80,
          data: { values: row.bars },
          mark: { type: 'bar', color: row.trainable ? PALETTE[0] : PALETTE[4], tooltip: true },
          encoding: {
            x: {
              field: 'from',
              type: 'quantitative',
              bin: { binned: true, step: widthOf(row.bars) },
              title: null,
            },
            x2: { field: 'to' },
            y: { field: 'count', type: 'quantitative', title: null },
          },
        })),
      },
      description,
      chartSvg(
        shown.map((row) => ({
          title: `${row.name} ${shapeText(row.shape)}`,
          xRange: [row.bars[0]?.from ?? 0, row.bars.at(-1)?.to ?? 1],
          yRange: [0, row.bars.length === 0 ? 1 : fullestBar(row.bars).count],
          yWhole: true,
          lines: [],
          bars: { values: row.bars, colour: row.trainable ? PALETTE[0] : PALETTE[4] },
        })),
        { ink: INK, size: { width: 300, height: 140, columns: 2 }, description },
      ),
      `${table(model, rows)}${left > 0 ? `\n(the chart shows the first ${shown.length})` : ''}`,
    );
    this.rows = rows;
  }
}

function widthOf(bars: readonly Bar[]): number {
  const [first] = bars;
  return first === undefined ? 1 : first.to - first.from;
}

function table(model: string, rows: readonly WeightRow[]): string {
  const lines = [
    ['weight', 'shape', 'min', 'max', 'mean', 'std', 'not finite'],
    ...rows.map((row) => [
      `${row.name}${row.trainable ? '' : ' (not trained)'}`,
      shapeText(row.shape),
      short(row.min),
      short(row.max),
      short(row.mean),
      short(row.deviation),
      String(row.notFinite),
    ]),
  ];
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] as string).length)),
  );
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
      )
      .join('  '),
  );
  return [`Weights of ${model}`, ...text].join('\n');
}

/**
 * How the values of a model's weights are distributed: with this one sees weights that never moved, grew without
 * bounds, or are not finite. Of weights with more than a million values the first million is looked at.
 *
 * @param model a tfjs model, or one of its layers.
 * @throws TypeError for anything else; RangeError for a model that has no weights (yet).
 */
export function weights(model: WeightedModel): Weights {
  // A model lists what is trained first; people look from the first layer to the last.
  const list =
    (model as Partial<WeightedModel> | undefined)?.layers?.flatMap((layer) => layer.weights) ??
    (model as Partial<WeightedModel> | undefined)?.weights;
  if (!Array.isArray(list)) throw new TypeError('weights() takes a model or a layer of tfjs');
  if (list.length === 0) {
    throw new RangeError(
      `${model.name} has no weights: they are created when it is first used, or built with an inputShape`,
    );
  }
  return new Weights(
    model.name,
    list.map((weight) => rowOf(weight, model.trainableWeights?.includes(weight) !== false)),
  );
}

function rowOf(weight: WeightedModel['weights'][number], trainable: boolean): WeightRow {
  const tensor = weight.read() as Flat;
  const all = valuesOf(tensor);
  const finite = all.filter((value) => Number.isFinite(value));
  const row = {
    name: weight.originalName ?? weight.name,
    shape: [...tensor.shape],
    trainable,
    notFinite: all.length - finite.length,
  };
  if (finite.length === 0) {
    const none = Number.NaN;
    return { ...row, min: none, max: none, mean: none, deviation: none, bars: [] };
  }
  const { bars, low, high, mean } = binned(finite, 30);
  const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { ...row, min: low, max: high, mean, deviation: Math.sqrt(squares / finite.length), bars };
}

function valuesOf(tensor: Flat): Float32Array {
  if (tensor.size <= MOST_VALUES) return tensor.dataSync() as unknown as Float32Array;
  const flat = tensor.reshape([-1]);
  const part = flat.slice(0, MOST_VALUES);
  flat.dispose();
  try {
    return part.dataSync() as unknown as Float32Array;
  } finally {
    part.dispose();
  }
}

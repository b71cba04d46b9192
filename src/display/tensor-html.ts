import { formatBytes } from '../base/text/bytes.ts';
import { escapeHtml } from '../base/text/html.ts';
import { images } from './images.ts';
import { grouped } from './plain-text.ts';
import { firstValues, numberText, shapeText, tensorDevice } from './tensor.ts';
import type { FirstValues, TensorLike } from './tensor.ts';

/** Beyond this many values the statistics are worked out on the device. */
const READ_AT_MOST = 2_000_000;
const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, complex64: 8 };

/** The methods that tfjs adds to tensors with its chained operations. */
interface Chained extends TensorLike {
  min?(): TensorLike;
  max?(): TensorLike;
  mean?(): TensorLike;
}

export interface Statistics {
  min: number;
  max: number;
  mean: number;
  /** Of all values, where they were read. */
  deviation?: number;
  notFinite?: number;
}

/**
 * A tensor as HTML: what it is, its statistics, the first values as a table and, where it looks like pictures or a
 * matrix, a picture that folds out. Undefined for what has nothing to show.
 */
export function tensorHtml(tensor: TensorLike): string | undefined {
  if (tensor.isDisposed || tensor.size === 0 || tensor.shape.length > 6) return undefined;
  if (tensor.size > 1000 && tensor.slice === undefined) return undefined;
  const device = tensorDevice(tensor);
  const facts = [
    `<b>Tensor</b> ${escapeHtml(tensor.dtype)} ${escapeHtml(shapeText(tensor.shape))}`,
    ...(tensor.dtype in BYTES ? [formatBytes(tensor.size * (BYTES[tensor.dtype] as number))] : []),
    ...(device === undefined ? [] : [escapeHtml(/\s/.test(device) ? device : `on ${device}`)]),
    ...statisticsText(tensor),
  ];
  return `<div><div>${facts.join(' · ')}</div>${valuesTable(firstValues(tensor))}${picture(tensor)}</div>`;
}

function statisticsText(tensor: TensorLike): string[] {
  const statistics = tensorStatistics(tensor);
  if (statistics === undefined) return [];
  const { min, max, mean, deviation, notFinite = 0 } = statistics;
  return [
    `min ${numberText(min)}`,
    `max ${numberText(max)}`,
    `mean ${short(mean)}`,
    ...(deviation === undefined ? [] : [`std ${short(deviation)}`]),
    ...(notFinite === 0 ? [] : [`<b>${grouped(notFinite)} not finite</b>`]),
  ];
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

/** Minimum, maximum, mean and standard deviation of a tensor of numbers; of its finite values where some are not finite. */
function tensorStatistics(tensor: TensorLike): Statistics | undefined {
  if (tensor.dtype !== 'float32' && tensor.dtype !== 'int32') return undefined;
  if (tensor.size > READ_AT_MOST) return onDevice(tensor);
  const values = tensor.dataSync() as ArrayLike<number>;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    count += 1;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  const mean = sum / count;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (Number.isFinite(value)) squares += (value - mean) ** 2;
  }
  if (count === 0) return { min: Number.NaN, max: Number.NaN, mean: Number.NaN, notFinite: values.length };
  return { min, max, mean, deviation: Math.sqrt(squares / count), notFinite: values.length - count };
}

function onDevice(tensor: Chained): Statistics | undefined {
  if (!tensor.min || !tensor.max || !tensor.mean) return undefined;
  const read = (scalar: TensorLike): number => {
    const value = scalar.dataSync()[0] as number;
    scalar.dispose();
    return value;
  };
  return { min: read(tensor.min()), max: read(tensor.max()), mean: read(tensor.mean()) };
}

/** The first matrix of a tensor as a table; a vector has one row. */
function valuesTable(part: FirstValues): string {
  const rank = part.shape.length;
  const columns = rank === 0 ? 1 : (part.shape[rank - 1] as number);
  const rows = rank < 2 ? 1 : (part.shape[rank - 2] as number);
  const moreColumns = rank === 0 ? 0 : (part.fullShape[rank - 1] as number) - columns;
  const moreRows = rank < 2 ? 0 : (part.fullShape[rank - 2] as number) - rows;
  const body = Array.from({ length: rows }, (_, row) => {
    const cells = Array.from(
      { length: columns },
      (_, column) =>
        `<td style="text-align:right">${escapeHtml(cellText(part, row * columns + column))}</td>`,
    );
    const more = moreColumns > 0 ? `<td>… ${grouped(moreColumns)} more</td>` : '';
    return `<tr>${rank > 1 ? `<th scope="row">${row}</th>` : ''}${cells.join('')}${more}</tr>`;
  });
  if (moreRows > 0) body.push(`<tr><td colspan="${columns + 2}">… ${grouped(moreRows)} more rows</td></tr>`);
  const outer =
    rank > 2 ? `<caption>at [${Array.from({ length: rank - 2 }, () => '0').join(', ')}]</caption>` : '';
  return `<table style="font-variant-numeric:tabular-nums">${outer}<tbody>${body.join('\n')}</tbody></table>`;
}

function cellText(part: FirstValues, index: number): string {
  if (part.dtype === 'complex64') {
    const imaginary = part.values[2 * index + 1] as number;
    return `${numberText(part.values[2 * index] as number)}${imaginary < 0 ? '' : '+'}${numberText(imaginary)}i`;
  }
  const value = part.values[index] as number | string;
  if (part.dtype === 'bool') return value ? 'true' : 'false';
  if (typeof value === 'string') return value.length > 60 ? `${value.slice(0, 59)}…` : value;
  return numberText(value);
}

/** A picture of what looks like one: a matrix of at least 8 x 8, or up to 16 pictures of a stack. */
function picture(tensor: TensorLike): string {
  if (tensor.dtype === 'string' || tensor.dtype === 'complex64') return '';
  const { shape } = tensor;
  const channels = shape.at(-1) as number;
  const coloured = channels === 1 || channels === 3 || channels === 4;
  const sides =
    shape.length === 2
      ? shape
      : shape.length === 3
        ? coloured
          ? shape.slice(0, 2)
          : shape.slice(1)
        : shape.length === 4 && coloured
          ? shape.slice(1, 3)
          : [];
  if (sides.length !== 2 || !sides.every((side) => side >= 8 && side <= 512)) return '';
  const stack = shape.length === 4 || (shape.length === 3 && !coloured);
  const count = Math.min(stack ? (shape[0] as number) : 1, 16);
  const part =
    stack && count < (shape[0] as number) && tensor.slice
      ? tensor.slice(
          shape.map(() => 0),
          [count, ...shape.slice(1)],
        )
      : tensor;
  try {
    const html = String(images(part).render().data['text/html']);
    const left = stack ? (shape[0] as number) - count : 0;
    const note = left > 0 ? ` of the first ${count}` : '';
    return `<details><summary>Picture${note}</summary>${html}</details>`;
  } finally {
    if (part !== tensor) part.dispose();
  }
}

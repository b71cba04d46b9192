import { grouped } from './plain-text.ts';
import { dataProperty } from './value-parts.ts';
import { elementCount } from '../base/arrays/dtype.ts';

/**
 * The part of a tfjs tensor that a view needs. Found by shape, so that this folder does not load TensorFlow, and so
 * that tensors of a second copy of tfjs show too.
 */
export interface TensorLike {
  readonly shape: number[];
  readonly dtype: string;
  readonly size: number;
  readonly isDisposed: boolean;
  dataSync(): ArrayLike<number | string>;
  /** Missing where tfjs-core was loaded without its chained operations. */
  slice?(begin: number[], size: number[]): TensorLike;
  dispose(): void;
}

/** Whether a value is a tfjs tensor or variable. Runs no code of the value. */
export function isTensorLike(value: unknown): value is TensorLike {
  if (typeof value !== 'object' || value === null) return false;
  const own = (key: string): unknown => Object.getOwnPropertyDescriptor(value, key)?.value as unknown;
  return (
    Array.isArray(dataProperty(value, 'shape')) &&
    typeof own('dtype') === 'string' &&
    typeof own('size') === 'number' &&
    typeof own('dataId') === 'object' &&
    typeof dataProperty(value, 'dataSync') === 'function'
  );
}

let deviceOf: ((dataId: object) => string | undefined) | undefined;

/** Says how to find out which device holds a tensor; this folder knows nothing of devices. */
export function describeDevicesWith(find: (dataId: object) => string | undefined): void {
  deviceOf = find;
}

/** Where a tensor's values lie, such as `cpu` or `cuda:0`; undefined where that is not known. */
export function tensorDevice(tensor: TensorLike): string | undefined {
  const dataId = Object.getOwnPropertyDescriptor(tensor, 'dataId')?.value as object | undefined;
  return dataId === undefined || tensor.isDisposed ? undefined : deviceOf?.(dataId);
}

/** Elements shown along each axis, by rank: the last two axes get the most. */
const EDGE_COLUMNS = 10;
const EDGE_ROWS = 8;
const EDGE_OUTER = 2;

/**
 * Shape, dtype and the first values of a tensor. Only the values that are shown are read from the device.
 *
 *     Tensor float32 [60000, 784]
 *     [[0, 0, 0, …],
 *      …]
 */
export function tensorText(tensor: TensorLike): string {
  const device = tensorDevice(tensor);
  // The text names only devices other than the CPU, which holds most tensors.
  const place = device !== undefined && /^(?!cpu)\w+:\d+$/.test(device) ? ` on ${device}` : '';
  const head = `Tensor ${tensor.dtype} ${shapeText(tensor.shape)}${place}`;
  if (tensor.isDisposed) return `${head} (disposed)`;
  if (tensor.size === 0) return `${head} (no values)`;
  // tfjs slices up to six axes.
  if (tensor.size > 1000 && (tensor.shape.length > 6 || tensor.slice === undefined)) return head;
  return `${head}\n${valuesText(firstValues(tensor))}`;
}

/** `[60000, 784]`; a scalar has `scalar`. */
export function shapeText(shape: readonly (number | null)[]): string {
  return shape.length === 0 ? 'scalar' : `[${shape.map((size) => size ?? 'any').join(', ')}]`;
}

export interface FirstValues {
  /** Of the part that was read. */
  shape: number[];
  fullShape: readonly number[];
  dtype: string;
  values: ArrayLike<number | string>;
}

/** The corner of a tensor with the lowest indices, at most 8 x 10 of its last two axes and 2 of each other one. */
export function firstValues(tensor: TensorLike): FirstValues {
  const rank = tensor.shape.length;
  const shape = tensor.shape.map((size, axis) => {
    const fromEnd = rank - axis;
    return Math.min(size, fromEnd === 1 ? EDGE_COLUMNS : fromEnd === 2 ? EDGE_ROWS : EDGE_OUTER);
  });
  const whole = shape.every((size, axis) => size === tensor.shape[axis]) || tensor.slice === undefined;
  const part =
    whole || !tensor.slice
      ? tensor
      : tensor.slice(
          Array.from(shape, () => 0),
          shape,
        );
  try {
    return {
      shape: whole ? [...tensor.shape] : shape,
      fullShape: tensor.shape,
      dtype: tensor.dtype,
      values: part.dataSync(),
    };
  } finally {
    if (part !== tensor) part.dispose();
  }
}

function valuesText(part: FirstValues): string {
  const complex = part.dtype === 'complex64';
  const count = elementCount(part.shape);
  const texts = Array.from({ length: count }, (_, index) =>
    complex
      ? `${numberText(part.values[2 * index] as number)}${signed(part.values[2 * index + 1] as number)}i`
      : valueText(part.values[index] as number | string, part.dtype),
  );
  const width = part.shape.length === 0 ? 0 : Math.max(...texts.map((text) => text.length));
  let at = 0;
  const axis = (level: number, indent: string): string => {
    if (level === part.shape.length) return (texts[at++] ?? '').padStart(part.shape.length > 1 ? width : 0);
    const size = part.shape[level] as number;
    const left = (part.fullShape[level] as number) - size;
    const items = Array.from({ length: size }, () => axis(level + 1, `${indent} `));
    if (left > 0) items.push(`… ${grouped(left)} more`);
    return `[${items.join(level === part.shape.length - 1 ? ', ' : `,\n${indent} `)}]`;
  };
  return axis(0, '');
}

function valueText(value: number | string, dtype: string): string {
  if (dtype === 'bool') return value ? 'true' : 'false';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value);
  return numberText(value);
}

function signed(value: number): string {
  return value < 0 || Object.is(value, -0) ? numberText(value) : `+${numberText(value)}`;
}

/** Seven significant digits, as many as a float32 has. */
export function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  if (!Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(7)));
}

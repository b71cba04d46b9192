import { dtypeName, tensorBytes, TF } from '../dtypes.ts';
import { PjrtError } from './errors.ts';

/** The dtypes that programs use: PJRT_Buffer_Type (pjrt_c_api.h) and the name in StableHLO, by TF_DataType. */
const TYPES: ReadonlyMap<number, { buffer: number; name: string }> = new Map([
  [TF.BOOL, { buffer: 1, name: 'i1' }],
  [TF.INT8, { buffer: 2, name: 'i8' }],
  [TF.INT16, { buffer: 3, name: 'i16' }],
  [TF.INT32, { buffer: 4, name: 'i32' }],
  [TF.INT64, { buffer: 5, name: 'i64' }],
  [TF.UINT8, { buffer: 6, name: 'ui8' }],
  [TF.UINT16, { buffer: 7, name: 'ui16' }],
  [TF.UINT32, { buffer: 8, name: 'ui32' }],
  [TF.UINT64, { buffer: 9, name: 'ui64' }],
  [TF.HALF, { buffer: 10, name: 'f16' }],
  [TF.FLOAT, { buffer: 11, name: 'f32' }],
  [TF.DOUBLE, { buffer: 12, name: 'f64' }],
  [TF.BFLOAT16, { buffer: 13, name: 'bf16' }],
  [TF.COMPLEX64, { buffer: 14, name: 'complex<f32>' }],
]);

/** Dtype and shape of a value. */
export interface TensorType {
  /** TF_DataType */
  readonly dtype: number;
  readonly shape: readonly number[];
}

function typeOf(dtype: number): { buffer: number; name: string } {
  const found = TYPES.get(dtype);
  if (found !== undefined) return found;
  throw new PjrtError('UNIMPLEMENTED', `PJRT devices hold no tensors of dtype ${dtypeName(dtype)}`);
}

/** PJRT_Buffer_Type of a dtype; an unknown one would end the process. @throws PjrtError */
export function bufferType(dtype: number): number {
  return typeOf(dtype).buffer;
}

/** The TF_DataType of a PJRT_Buffer_Type; undefined for those that programs do not use. */
export function dtypeOfBuffer(buffer: number): number | undefined {
  for (const [dtype, type] of TYPES) if (type.buffer === buffer) return dtype;
  return undefined;
}

/** The element type's name in StableHLO: `f32`. @throws PjrtError */
function elementName(dtype: number): string {
  return typeOf(dtype).name;
}

/** A type in StableHLO: `tensor<2x3xf32>`. @throws PjrtError */
export function tensorName({ dtype, shape }: TensorType): string {
  return `tensor<${shape.map((size) => `${size}x`).join('')}${elementName(dtype)}>`;
}

/** How many elements a shape has. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of a value's elements. */
export function bytesOf({ dtype, shape }: TensorType): number {
  return tensorBytes(shape, dtype) ?? 0;
}

/** For messages: `float32 [2, 3]`. */
export function describeType({ dtype, shape }: TensorType): string {
  return `${dtypeName(dtype)} [${shape.join(', ')}]`;
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, axis) => size === b.shape[axis])
  );
}

import type { Tensor } from '@tensorflow/tfjs';
import { toFloat32, toInt32 } from '../../base/arrays/convert.ts';
import { dtypeBytes, elementCount, isDtype } from '../../base/arrays/dtype.ts';
import { arrayTag, taggedOver } from '../../base/arrays/tagged.ts';
import {
  isMemoryDtype,
  storedDtype,
  tensorOverMapping,
  withTensorMemory,
} from '../../tfjs/memory-tensors.ts';
import { theTf } from '../../tfjs/current.ts';
import { ConversionError } from './errors.ts';
import type { ConversionContext, Leaf } from './leaf.ts';
import { copyOut, payloadOf, receiveBytes, receiveMapping, sendBytes } from './payload.ts';

/** The forms that an array can take in Python; the default is NumPy's. */
const PYTHON_ARRAYS = ['numpy', 'torch', 'tensorflow'];

function isTensor(value: unknown): value is Tensor {
  return (
    typeof value === 'object' &&
    value !== null &&
    'dataId' in value &&
    'rankType' in value &&
    value instanceof theTf().Tensor
  );
}

/** A leaf for a tensor or a typed array. */
export async function encodeArray(value: unknown, context: ConversionContext): Promise<Leaf | undefined> {
  if (isTensor(value)) return encodeTensor(value, context);
  if (!ArrayBuffer.isView(value) || value instanceof DataView || Buffer.isBuffer(value)) return undefined;
  const array = value as NodeJS.TypedArray;
  const { dtype, shape } = arrayTag(array);
  if (dtypeBytes(dtype) < 1) {
    throw new ConversionError(
      'cannot-convert',
      `Python has no arrays of ${dtype}: several of its numbers share a byte`,
    );
  }
  const payload = await sendBytes(
    (use) => {
      use({ array });
    },
    array.byteLength,
    context,
  );
  return { $: 'array', dtype, shape, as: pythonArray(context), ...payload };
}

function pythonArray({ options }: ConversionContext): string {
  const { as } = options;
  return as !== undefined && PYTHON_ARRAYS.includes(as) ? as : 'numpy';
}

async function encodeTensor(tensor: Tensor, context: ConversionContext): Promise<Leaf> {
  if (tensor.isDisposed) {
    throw new ConversionError(
      'cannot-convert',
      `the tensor of shape [${tensor.shape.join(', ')}] was disposed: its values are gone`,
    );
  }
  const { shape } = tensor;
  const as = pythonArray(context);
  if (tensor.dtype === 'string') {
    const values = tensor.dataSync<'string'>().slice();
    return { $: 'strings', shape, values, as };
  }
  const dtype = storedDtype(tensor);
  const bytes = elementCount(shape) * dtypeBytes(dtype);
  const payload = await sendBytes(
    (use) => {
      withTensorMemory(tensor, use);
    },
    bytes,
    context,
  );
  return { $: 'array', dtype, shape, as, ...payload };
}

function shapeOf(leaf: Leaf): number[] {
  const { shape } = leaf;
  if (!Array.isArray(shape) || !shape.every((length) => Number.isSafeInteger(length) && length >= 0)) {
    throw new ConversionError('malformed', `the other process sent a ${leaf.$} without a shape`);
  }
  return shape as number[];
}

/** A tensor for what tfjs has a dtype for, a tagged array for the rest; or what `as` names. */
export async function decodeArray(leaf: Leaf, context: ConversionContext): Promise<unknown> {
  const shape = shapeOf(leaf);
  const { as } = context.options;
  if (leaf.$ === 'strings') return theTf().tensor(leaf['values'] as string[], shape, 'string');
  const dtype = String(leaf['dtype']);
  if (!isDtype(dtype)) {
    throw new ConversionError('malformed', `the other process sent numbers of an unknown dtype, ${dtype}`);
  }
  const payload = payloadOf(leaf);
  const expected = elementCount(shape) * dtypeBytes(dtype);
  if (payload.bytes !== expected) {
    throw new ConversionError(
      'malformed',
      `${dtype} of shape [${shape.join(', ')}] takes ${expected} bytes; ${payload.bytes} arrived`,
    );
  }
  const plain = as === dtype || (as !== 'array' && as !== 'float32' && as !== 'int32');
  if (isMemoryDtype(dtype) && plain) {
    // tf has to be there before memory can be handed to it.
    const tf = theTf();
    let buffer: ArrayBuffer | undefined;
    if (payload.segment !== undefined) {
      const mapping = await receiveMapping(payload, context);
      const tensor = tensorOverMapping(mapping, dtype, shape);
      if (tensor !== undefined) return tensor;
      buffer = copyOut(mapping);
    }
    const array = taggedOver(dtype, shape, buffer ?? (await receiveBytes(payload, context)));
    if (dtype !== 'complex64') return tf.tensor(array as Float32Array, shape, dtype);
    const pairs = array as Float32Array;
    const part = (at: number) =>
      tf.tensor(
        pairs.filter((_, i) => i % 2 === at),
        shape,
      );
    return tf.tidy(() => tf.complex(part(0), part(1)));
  }
  const array = taggedOver(dtype, shape, await receiveBytes(payload, context));
  if (as === 'float32') return theTf().tensor(toFloat32(array), shape, 'float32');
  if (as === 'int32') return theTf().tensor(toInt32(array), shape, 'int32');
  if (as === 'tensor') {
    throw new ConversionError(
      'cannot-convert',
      `tfjs has no ${dtype}: pass { as: 'float32' } or { as: 'int32' }, or omit \`as\` for the numbers as they are`,
    );
  }
  return array;
}

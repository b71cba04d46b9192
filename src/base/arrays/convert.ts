import { elementCount, type Dtype } from './dtype.ts';
import { arrayTag } from './tagged.ts';

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** A float of `exponentBits` and `mantissaBits` (IEEE 754, with subnormals) as a number. */
function smallFloat(bits: number, exponentBits: number, mantissaBits: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = (bits >> (exponentBits + mantissaBits)) & 1 ? -1 : 1;
  const exponent = (bits >> mantissaBits) & (2 ** exponentBits - 1);
  const mantissa = bits & (2 ** mantissaBits - 1);
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  if (exponent === 2 ** exponentBits - 1) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (2 ** mantissaBits + mantissa) * 2 ** (exponent - bias - mantissaBits);
}

/** IEEE 754 binary16. */
function float16ToNumber(bits: number): number {
  return smallFloat(bits, 5, 10);
}

/** bfloat16: the upper half of a float32. */
function bfloat16ToNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0] as number;
}

/** FP8 of "FP8 Formats for Deep Learning" (arXiv 2209.05433): E4M3 has no infinities, and NaN only with all bits set. */
function float8E4m3ToNumber(bits: number): number {
  if ((bits & 0x7f) === 0x7f) return NaN;
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 15;
  const mantissa = bits & 7;
  return exponent === 0 ? sign * mantissa * 2 ** -9 : sign * (8 + mantissa) * 2 ** (exponent - 10);
}

/** E5M2 of the same: IEEE-like. */
function float8E5m2ToNumber(bits: number): number {
  return smallFloat(bits, 5, 2);
}

/** E8M0 of the OCP Microscaling Formats specification: a power of two, 2^(bits - 127); 255 is NaN. */
function float8E8m0ToNumber(bits: number): number {
  return bits === 255 ? NaN : 2 ** (bits - 127);
}

/** The FNUZ formats of "8-bit Numerical Formats for Deep Neural Networks" (arXiv 2206.02915): one NaN, no infinities. */
function fnuz(exponentBits: number, mantissaBits: number): (bits: number) => number {
  const bias = 2 ** (exponentBits - 1);
  return (bits) => {
    if (bits === 0x80) return NaN;
    const sign = bits & 0x80 ? -1 : 1;
    const exponent = (bits & 0x7f) >> mantissaBits;
    const mantissa = bits & (2 ** mantissaBits - 1);
    return exponent === 0
      ? sign * mantissa * 2 ** (1 - bias - mantissaBits)
      : sign * (2 ** mantissaBits + mantissa) * 2 ** (exponent - bias - mantissaBits);
  };
}

/** E2M1 of the OCP Microscaling Formats specification: 0, 0.5, 1, 1.5, 2, 3, 4, 6. */
function float4ToNumber(bits: number): number {
  const exponent = (bits >> 1) & 3;
  const size = exponent === 0 ? (bits & 1) / 2 : (2 + (bits & 1)) * 2 ** (exponent - 2);
  return bits & 8 ? -size : size;
}

const fromBits: Partial<Record<Dtype, (bits: number) => number>> = {
  float16: float16ToNumber,
  bfloat16: bfloat16ToNumber,
  float8_e4m3fn: float8E4m3ToNumber,
  float8_e5m2: float8E5m2ToNumber,
  float8_e8m0fnu: float8E8m0ToNumber,
  float8_e4m3fnuz: fnuz(4, 3),
  float8_e5m2fnuz: fnuz(5, 2),
};

/**
 * The values as float32, rounded to nearest: requested by name, so nothing is lost silently.
 *
 * @throws TypeError for complex numbers and packed 6-bit ones.
 */
export function toFloat32(array: NodeJS.TypedArray): Float32Array {
  const { dtype } = arrayTag(array);
  if (dtype === 'complex64' || dtype === 'complex128') {
    throw new TypeError(`${dtype} has two parts per number: float32 cannot hold it`);
  }
  if (dtype === 'float6_e2m3fn' || dtype === 'float6_e3m2fn') {
    throw new TypeError(`${dtype} has no specified layout: read its bytes instead`);
  }
  if (dtype === 'float4_e2m1fn') {
    // Two a byte, the first in the low half.
    const bytes = array as Uint8Array;
    return Float32Array.from({ length: 2 * bytes.length }, (_, i) =>
      float4ToNumber(((bytes[i >> 1] as number) >> (4 * (i & 1))) & 15),
    );
  }
  if (array instanceof Float32Array) return new Float32Array(array);
  const result = new Float32Array(array.length);
  const convert = fromBits[dtype];
  if (convert !== undefined) {
    // 65,536 values at most: looked up, which is ten times faster than computed for each.
    const table = new Float32Array(array.BYTES_PER_ELEMENT === 1 ? 256 : array.length > 65_536 ? 65_536 : 0);
    for (let bits = 0; bits < table.length; bits++) table[bits] = convert(bits);
    if (table.length > 0)
      for (let i = 0; i < result.length; i++) result[i] = table[array[i] as number] as number;
    else for (let i = 0; i < result.length; i++) result[i] = convert(array[i] as number);
    return result;
  }
  for (let i = 0; i < result.length; i++) result[i] = Number(array[i]);
  return result;
}

/**
 * The values as int32.
 *
 * @throws RangeError naming the first value that is not a whole number from -2147483648 to 2147483647.
 */
export function toInt32(array: NodeJS.TypedArray): Int32Array {
  const { dtype, shape } = arrayTag(array);
  const numbers = fromBits[dtype] === undefined ? array : toFloat32(array);
  const result = new Int32Array(elementCount(shape));
  if (numbers.length !== result.length)
    throw new TypeError(`${dtype} has two parts per number: int32 cannot hold it`);
  for (let i = 0; i < result.length; i++) {
    const value = Number(numbers[i]);
    result[i] = value;
    if (result[i] !== value)
      throw new RangeError(`value ${i}, ${String(numbers[i])}, does not fit into int32`);
  }
  return result;
}

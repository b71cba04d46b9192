// Which dtypes the arguments of ops may have.
import { ENGINE } from '@tensorflow/tfjs-core/dist/engine.js';
import { cast } from '@tensorflow/tfjs-core/dist/ops/cast.js';
import { Tensor } from '@tensorflow/tfjs-core/dist/tensor.js';

/** @typedef {import('@tensorflow/tfjs-core').TensorLike} TensorLike */
/** @typedef {(x: Tensor | TensorLike, name: string, op: string, type?: string) => Tensor} Convert tfjs's `convertToTensor` */

/** Whether ops run on TensorFlow now. */
export function onTensorflow() {
  return ENGINE.backendName === 'tensorflow';
}

/** Ops that tfjs has for float32 alone, and TensorFlow for complex64 too. */
const COMPLEX = new Set(['cos', 'cosh', 'log', 'rsqrt', 'sigmoid', 'sin', 'sqrt', 'tan', 'tanh']);

/**
 * The argument of an op whose result is a float: int32 and bool become float32. tfjs takes them in some of these ops, with a
 * result of the argument's dtype (`sinh` of 1 is 1), and refuses them in others.
 *
 * @param {Convert} convert
 * @param {Tensor | TensorLike} x
 * @param {string} name of the argument
 * @param {string} op
 * @param {string} [type] 'float32' where tfjs has the op for that alone
 * @throws Error for texts, and for complex64 where TensorFlow has no such op.
 */
export function floatArgument(convert, x, name, op, type) {
  if (x instanceof Tensor) {
    if (x.dtype === 'int32' || x.dtype === 'bool') return cast(x, 'float32');
    if (x.dtype === 'complex64' && type === 'float32' && COMPLEX.has(op) && onTensorflow()) return x;
  }
  const tensor = convert(x, name, op, type);
  return tensor.dtype === 'int32' || tensor.dtype === 'bool' ? cast(tensor, 'float32') : tensor;
}

/**
 * The argument of an op that rounds: int32 and bool stay, since they are whole.
 *
 * @param {Convert} convert
 * @param {Tensor | TensorLike} x
 * @param {string} name of the argument
 * @param {string} op
 * @param {string} [type]
 */
export function roundedArgument(convert, x, name, op, type) {
  if (x instanceof Tensor && (x.dtype === 'int32' || x.dtype === 'bool')) return x;
  return convert(x, name, op, type);
}

/**
 * The arguments of `tf.range`, checked. A range that never reaches `stop` is empty, for each step that is given; without
 * one the step is 1 or -1.
 *
 * @param {number} start
 * @param {number} stop
 * @param {number | undefined} step
 * @param {string} dtype
 * @throws RangeError
 */
export function rangeArguments(start, stop, step, dtype) {
  const by = step ?? (stop < start ? -1 : 1);
  for (const [name, value] of Object.entries({ start, stop, step: by })) {
    if (Number.isFinite(value)) continue;
    throw new RangeError(`range takes finite numbers, and its ${name} is ${String(value)}`);
  }
  for (const [name, value] of Object.entries({ start, step: by })) {
    if (dtype !== 'int32' || Number.isInteger(value)) continue;
    throw new RangeError(
      `range of dtype int32 takes whole numbers, and its ${name} is ${value}: leave the dtype out for float32, or ` +
        "round the result, as in tf.range(0, 1, 0.5).cast('int32')",
    );
  }
  const forward = stop > start;
  if (stop === start || forward !== by > 0) return { start: 0, stop: 0, step: 1, dtype };
  // Whole numbers below 2.5 are those below 3.
  const end = dtype === 'int32' ? (forward ? Math.ceil(stop) : Math.floor(stop)) : stop;
  return { start, stop: end, step: by, dtype };
}

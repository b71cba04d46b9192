import type { Tensor } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import { tfInternals } from '../instance.ts';
import { boolAttribute, typeAttribute, type GradientTools, tensorAt } from './gradient-tools.ts';

/**
 * TensorFlow's ops on matrices in batches, where tfjs composes a graph for each matrix, and their gradients after
 * tensorflow/python/ops/linalg_grad.py and array_grad.py.
 */
export function installMatrices(tools: GradientTools): void {
  installBandPart(tools);
  installTriangularSolve(tools);
  installQr(tools);
}

function installBandPart({ tf, define, replaceKernel, run, call, onTensorflow }: GradientTools): void {
  replaceKernel(
    'MatrixBandPart',
    () =>
      ({ x, lower, upper }) =>
        run(
          'MatrixBandPart',
          [x as Tensor, lower as Tensor, upper as Tensor],
          [typeAttribute('Tindex', TF.INT32)],
        ),
  );
  define('MatrixBandPart', { inputs: ['lower', 'upper'] }, (dy, saved) => {
    const [lower, upper] = saved as [Tensor, Tensor];
    const none = () => tf.zeros(lower.shape);
    return { x: () => call('MatrixBandPart', { x: dy, lower, upper }), lower: none, upper: none };
  });
  tfInternals(tf).matrices.bandPart = (x, lower, upper) => {
    if (!onTensorflow()) return undefined;
    const whole = (count: Tensor) => tf.reshape(tf.cast(count, 'int32'), []);
    return call('MatrixBandPart', { x, lower: whole(lower), upper: whole(upper) });
  };
}

const transposed = ({ tf }: GradientTools, x: Tensor): Tensor => {
  const axes = x.shape.map((_, axis) => axis);
  return tf.transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
};

/** The solution of `a x = b` for a triangular `a`, or of `a* x = b` with `adjoint`. */
function installTriangularSolve(tools: GradientTools): void {
  const { tf, define, replaceKernel, run, call, conj } = tools;
  replaceKernel(
    'MatrixTriangularSolve',
    () =>
      ({ a, b }, { lower, adjoint }) =>
        run(
          'MatrixTriangularSolve',
          [a as Tensor, b as Tensor],
          [boolAttribute('lower', lower), boolAttribute('adjoint', adjoint)],
        ),
  );
  define('MatrixTriangularSolve', { inputs: ['a'], outputs: [true] }, (dy, saved, attributes) => {
    const [a, x] = saved as [Tensor, Tensor];
    const { lower, adjoint } = attributes as { lower: boolean; adjoint: boolean };
    const ofB = () => call('MatrixTriangularSolve', { a, b: dy }, { lower, adjoint: !adjoint });
    return {
      b: ofB,
      a: () => {
        const [left, right] = adjoint ? [x, ofB()] : [ofB(), x];
        const whole = tf.neg(tf.matMul(left, conj(transposed(tools, right))));
        return lower ? tf.linalg.bandPart(whole, -1, 0) : tf.linalg.bandPart(whole, 0, -1);
      },
    };
  });
}

function installQr(tools: GradientTools): void {
  const { backend, callList, defineList, replaceKernel, onTensorflow, depth, numbers, tf } = tools;
  replaceKernel('Qr', () => ({ x }, { fullMatrices }) => {
    const { dtype } = backend.tensorMap.get((x as Tensor).dataId);
    const attributes = [
      { name: 'T', type: ATTR.TYPE, value: dtype },
      boolAttribute('full_matrices', fullMatrices),
    ];
    return backend.executeMultipleOutputs('Qr', attributes, [x as Tensor], 2);
  });
  defineList('Qr', { inputs: ['x'], outputs: [true, true] }, (dys, saved) => ({
    x: () => {
      const [x, q, r] = saved as [Tensor, Tensor, Tensor];
      return qrGradient(tools, x, q, r, tensorAt(dys, 0), tensorAt(dys, 1));
    },
  }));
  tfInternals(tf).matrices.qr = (given, fullMatrices) => {
    if (!onTensorflow()) return undefined;
    const x = numbers(given);
    if (x.rank < 2) return undefined;
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    // The columns of q beyond those of x are not determined by x. TensorFlow has no gradient then; tfjs's has that of its reflections.
    if (fullMatrices && rows > columns && depth() > 0 && x.dtype === 'float32') return undefined;
    const made = callList('Qr', { x }, { fullMatrices });
    return [tensorAt(made, 0), tensorAt(made, 1)];
  };
}

/** arXiv 2009.10071, as in `_QrGrad` of linalg_grad.py. */
function qrGradient(tools: GradientTools, x: Tensor, q: Tensor, r: Tensor, dq: Tensor, dr: Tensor): Tensor {
  const { tf, call, conj } = tools;
  const [rows, columns] = [q.shape.at(-2) as number, r.shape.at(-1) as number];
  const adjoint = (matrix: Tensor) => conj(transposed(tools, matrix));
  /** The product of `left` and the adjoint of the inverse of `upper`. */
  const divided = (left: Tensor, upper: Tensor) =>
    adjoint(call('MatrixTriangularSolve', { a: upper, b: adjoint(left) }, { lower: false, adjoint: false }));
  const ofTall = (upper: Tensor, ofQ: Tensor, ofR: Tensor): Tensor => {
    const qdq = tf.matMul(adjoint(q), ofQ);
    const rdr = tf.matMul(upper, adjoint(ofR));
    const skew = tf.add(tf.sub(qdq, adjoint(qdq)), tf.sub(rdr, adjoint(rdr)));
    const lower = tf.linalg.bandPart(skew, -1, 0);
    const gradient = tf.add(
      tf.matMul(q, tf.add(ofR, divided(lower, upper))),
      divided(tf.sub(ofQ, tf.matMul(q, qdq)), upper),
    );
    if (q.dtype !== 'complex64') return gradient;
    const diagonal = tf.mul(tf.imag(tf.sub(rdr, adjoint(qdq))), tf.eye(q.shape.at(-1) as number));
    const turned = tf.complex(tf.zerosLike(diagonal), tf.neg(diagonal));
    return tf.add(gradient, divided(tf.matMul(q, turned), upper));
  };
  if (x.size === 0) return tf.zerosLike(x);
  if (rows > columns && q.shape.at(-1) !== columns) {
    throw new Error(
      'linalg.qr with fullMatrices has no gradient for complex matrices with more rows than columns: x does not determine all of q. Leave fullMatrices out',
    );
  }
  if (rows >= columns) return ofTall(r, dq, dr);
  // x = [left, right]: the left part alone makes q.
  const part = (matrix: Tensor, from: number, size: number) =>
    tf.slice(
      matrix,
      matrix.shape.map((_, axis) => (axis === matrix.rank - 1 ? from : 0)),
      matrix.shape.map((length, axis) => (axis === matrix.rank - 1 ? size : length)),
    );
  const wide = columns - rows;
  const right = part(x, rows, wide);
  const dRight = part(dr, rows, wide);
  const dLeft = ofTall(part(r, 0, rows), tf.add(dq, tf.matMul(right, adjoint(dRight))), part(dr, 0, rows));
  return tf.concat([dLeft, tf.matMul(q, dRight)], -1);
}

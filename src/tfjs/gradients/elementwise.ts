import type { Tensor } from '@tensorflow/tfjs';
import { floatAttribute, type GradientTools } from './gradient-tools.ts';

/**
 * Gradients of functions of single numbers, after tensorflow/python/ops/math_grad.py and nn_grad.py. Where TensorFlow has
 * an op for a gradient (`TanhGrad`), it is used, and has a gradient in turn.
 */

type Formula = (dy: Tensor, value: Tensor) => Tensor;

/** By the op's input, or its conjugate where that is complex. */
function ofInput({ tf }: GradientTools): Record<string, Formula> {
  const { add, cos, cosh, div, exp, mul, neg, sin, sinh, sqrt, square, sub } = tf;
  return {
    Abs: (dy, x) => mul(dy, tf.sign(x)),
    Acos: (dy, x) => neg(div(dy, sqrt(sub(1, square(x))))),
    Asin: (dy, x) => div(dy, sqrt(sub(1, square(x)))),
    Asinh: (dy, x) => div(dy, sqrt(add(1, square(x)))),
    Atan: (dy, x) => div(dy, add(square(x), 1)),
    Atanh: (dy, x) => div(dy, sub(1, square(x))),
    Cos: (dy, x) => mul(neg(sin(x)), dy),
    Cosh: (dy, x) => mul(sinh(x), dy),
    Erf: (dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
    Expm1: (dy, x) => mul(dy, exp(x)),
    Log: (dy, x) => div(dy, x),
    Log1p: (dy, x) => div(dy, add(x, 1)),
    Sin: (dy, x) => mul(cos(x), dy),
    Sinh: (dy, x) => mul(cosh(x), dy),
    Square: (dy, x) => mul(dy, mul(x, 2)),
    Tan: (dy, x) => div(dy, square(cos(x))),
  };
}

/** An op of TensorFlow that is a gradient, and what it computes, for tfjs's JavaScript backend. */
interface GradientOp {
  /** Whether it takes the op's result or its input. */
  of: 'result' | 'input';
  /** TensorFlow's order of arguments: those of results have the result first, those of activations the gradient. */
  first: 'value' | 'gradient';
  composed: Formula;
  /** The gradients of `composed`, given `ddy` for it. */
  second: (ddy: Tensor, dy: Tensor, value: Tensor) => { dy: () => Tensor; value: () => Tensor };
}

const SELU_SCALE = 1.0507009873554805;
const SELU_SCALE_ALPHA = 1.7580993408473768;

/** Gradients of a gradient op, by the op's name. */
function secondOrder({ call, noGradient }: GradientTools) {
  const same = (name: string) => (ddy: Tensor, value: Tensor) => call(name, { dy: ddy, value });
  const flat =
    (name: string): GradientOp['second'] =>
    (ddy, _, value) => ({ dy: () => same(name)(ddy, value), value: () => noGradient(value) });
  return { same, flat };
}

/** Activations whose gradient ops take the gradient first. */
function activationOps(tools: GradientTools): Record<string, GradientOp> {
  const { tf, noGradient } = tools;
  const { add, cast, greater, less, mul, sigmoid, where } = tf;
  const { same, flat } = secondOrder(tools);
  const truth = (mask: Tensor) => cast(mask, 'float32');
  return {
    Relu: {
      of: 'result',
      first: 'gradient',
      composed: (dy, y) => mul(dy, truth(greater(y, 0))),
      second: flat('ReluGrad'),
    },
    Relu6: {
      of: 'result',
      first: 'gradient',
      composed: (dy, y) => mul(dy, truth(tf.logicalAnd(greater(y, 0), less(y, 6)))),
      second: flat('Relu6Grad'),
    },
    Elu: {
      of: 'result',
      first: 'gradient',
      composed: (dy, y) => where(less(y, 0), mul(dy, add(y, 1)), dy),
      second: (ddy, dy, y) => ({
        dy: () => same('EluGrad')(ddy, y),
        value: () => where(less(y, 0), mul(ddy, dy), noGradient(y)),
      }),
    },
    Selu: {
      of: 'result',
      first: 'gradient',
      composed: (dy, y) => where(less(y, 0), mul(dy, add(y, SELU_SCALE_ALPHA)), mul(dy, SELU_SCALE)),
      second: (ddy, dy, y) => ({
        dy: () => same('SeluGrad')(ddy, y),
        value: () => where(less(y, 0), mul(ddy, dy), noGradient(y)),
      }),
    },
    Softplus: {
      of: 'input',
      first: 'gradient',
      composed: (dy, x) => mul(dy, sigmoid(x)),
      second: (ddy, dy, x) => ({
        dy: () => same('SoftplusGrad')(ddy, x),
        value: () => same('SigmoidGrad')(mul(ddy, dy), sigmoid(x)),
      }),
    },
  };
}

/** Functions whose gradient ops take the result first. */
function resultOps(tools: GradientTools): Record<string, GradientOp> {
  const { tf } = tools;
  const { div, mul, neg, square, sub, where } = tf;
  const { same } = secondOrder(tools);
  return {
    Sigmoid: {
      of: 'result',
      first: 'value',
      composed: (dy, y) => mul(dy, mul(y, sub(1, y))),
      second: (ddy, dy, y) => ({
        dy: () => same('SigmoidGrad')(ddy, y),
        value: () => mul(mul(ddy, dy), sub(1, mul(2, y))),
      }),
    },
    Tanh: {
      of: 'result',
      first: 'value',
      composed: (dy, y) => mul(sub(1, square(y)), dy),
      second: (ddy, dy, y) => ({
        dy: () => same('TanhGrad')(ddy, y),
        value: () => mul(mul(mul(ddy, dy), y), -2),
      }),
    },
    Sqrt: {
      of: 'result',
      first: 'value',
      // Where nothing flows back the slope does not count, infinite or not (as in cwise_ops_gradients.h).
      composed: (dy, y) => where(tf.equal(dy, 0), dy, div(mul(dy, 0.5), y)),
      second: (ddy, dy, y) => ({
        dy: () => same('SqrtGrad')(ddy, y),
        value: () =>
          y.dtype === 'complex64'
            ? neg(mul(mul(mul(ddy, dy), 0.5), tf.reciprocal(square(y))))
            : neg(same('SqrtGrad')(mul(2, same('SqrtGrad')(mul(ddy, dy), y)), y)),
      }),
    },
    Rsqrt: {
      of: 'result',
      first: 'value',
      composed: (dy, y) => where(tf.equal(dy, 0), dy, mul(mul(dy, -0.5), mul(y, square(y)))),
      second: (ddy, dy, y) => ({
        dy: () => same('RsqrtGrad')(ddy, y),
        value: () => {
          const flow = mul(ddy, dy);
          return where(tf.equal(flow, 0), flow, mul(mul(flow, -1.5), square(y)));
        },
      }),
    },
    Reciprocal: {
      of: 'result',
      first: 'value',
      composed: (dy, y) => neg(mul(dy, square(y))),
      second: (ddy, dy, y) => ({
        dy: () => same('ReciprocalGrad')(ddy, y),
        value: () => mul(mul(mul(ddy, dy), -2), y),
      }),
    },
  };
}

const CONJUGATED = new Set(['Sigmoid', 'Tanh']);

export function installElementwiseGradients(tools: GradientTools): void {
  const { define, numbers, conj } = tools;
  for (const [name, formula] of Object.entries(ofInput(tools))) {
    define(name, { inputs: ['x'] }, (dy, [x]) => ({ x: () => formula(dy, conj(numbers(x as Tensor))) }));
  }
  installGradientOps(tools);
  installLeakyRelu(tools);
  installRest(tools);
}

function installGradientOps(tools: GradientTools): void {
  const { define, numbers, conj, replaceKernel, run, call, onTensorflow } = tools;
  const ops = { ...activationOps(tools), ...resultOps(tools) };
  for (const [name, { of, first, composed, second }] of Object.entries(ops)) {
    const saves = of === 'result' ? { outputs: [true] } : { inputs: ['x'] };
    const op = `${name}Grad`;
    replaceKernel(op, () => (inputs) => {
      // tfjs calls the result `y` where it has such a kernel itself.
      const dy = inputs['dy'] as Tensor;
      const saved = (inputs['value'] ?? inputs['y']) as Tensor;
      // Two of TensorFlow's ops do not take the conjugate themselves: its Python does (math_grad.py).
      const value = CONJUGATED.has(name) ? conj(saved) : saved;
      const gradient = run(op, first === 'value' ? [value, dy] : [dy, value]);
      if (value !== saved) value.dispose();
      return gradient;
    });
    define(name, saves, (dy, [saved]) => {
      const value = numbers(saved as Tensor);
      return {
        x: () => (onTensorflow() ? call(op, { dy, value }) : composed(dy, value)),
      };
    });
    // With complex numbers g(dy, y) = dy * conj(d(y)): the gradients are conjugated factor by factor.
    define(op, { inputs: ['dy', 'value'] }, (ddy, [dy, value]) => {
      const complex = (value as Tensor).dtype === 'complex64';
      if (!complex) return second(ddy, dy as Tensor, value as Tensor);
      return {
        dy: () => second(ddy, dy as Tensor, conj(value as Tensor)).dy(),
        value: () => second(conj(ddy), dy as Tensor, conj(value as Tensor)).value(),
      };
    });
  }
}

function installLeakyRelu({
  tf,
  define,
  numbers,
  replaceKernel,
  run,
  call,
  onTensorflow,
  noGradient,
}: GradientTools): void {
  replaceKernel(
    'LeakyReluGrad',
    () =>
      ({ dy, value }, { alpha }) =>
        run('LeakyReluGrad', [dy as Tensor, value as Tensor], [floatAttribute('alpha', alpha)]),
  );
  // The result is above 0 where the input is; saving that lets TensorFlow fuse the op with what comes before it. Where the
  // slope is negative both sides end above 0, and only the input tells.
  define('LeakyRelu', { inputs: ['x'], outputs: [true] }, (dy, saved, attributes) => {
    const [x, y] = saved as [Tensor, Tensor];
    const alpha = attributes['alpha'] as number;
    return {
      x: () => {
        const value = alpha < 0 || x.dtype !== 'float32' ? numbers(x) : y;
        if (onTensorflow()) return call('LeakyReluGrad', { dy, value }, { alpha });
        return tf.where(tf.greater(value, 0), dy, tf.mul(dy, alpha));
      },
    };
  });
  define('LeakyReluGrad', { inputs: ['value'] }, (ddy, [value], attributes) => ({
    dy: () => call('LeakyReluGrad', { dy: ddy, value: value as Tensor }, attributes),
    value: () => noGradient(value as Tensor),
  }));
}

function installRest({ tf, define, numbers, conj }: GradientTools): void {
  // With complex numbers the root of the square would be that of another branch.
  define('Acosh', { inputs: ['x'], outputs: [true] }, (dy, saved) => {
    const [x, y] = saved as [Tensor, Tensor];
    return {
      x: () => {
        if (x.dtype === 'complex64') return tf.div(dy, tf.sinh(conj(y)));
        return tf.div(dy, tf.sqrt(tf.sub(tf.square(numbers(x)), 1)));
      },
    };
  });
  define('Exp', { outputs: [true] }, (dy, [y]) => ({ x: () => tf.mul(dy, conj(y as Tensor)) }));

  define('Neg', {}, (dy) => ({ x: () => tf.neg(dy) }));
  define('ClipByValue', { inputs: ['x'] }, (dy, [x], attributes) => ({
    x: () => {
      const { clipValueMin, clipValueMax } = attributes as { clipValueMin: number; clipValueMax: number };
      const within = tf.logicalAnd(
        tf.greaterEqual(x as Tensor, clipValueMin),
        tf.lessEqual(x as Tensor, clipValueMax),
      );
      return tf.where(within, dy, tf.zerosLike(dy));
    },
  }));
  // A number that becomes an integer or a truth value does not change with small changes of it.
  define('Cast', { inputs: ['x'] }, (dy, [saved], attributes) => ({
    x: () => {
      const x = saved as Tensor;
      const dtype = attributes['dtype'] as string;
      if (x.dtype === 'complex64')
        return dy.dtype === 'complex64' ? tf.clone(dy) : tf.complex(dy, tf.zerosLike(dy));
      const real = dy.dtype === 'complex64' ? tf.real(dy) : dy;
      const rounds = x.dtype === 'float32' && (dtype === 'int32' || dtype === 'bool');
      return rounds ? tf.zeros(x.shape) : tf.clone(real);
    },
  }));
  define('Identity', {}, (dy) => ({
    x: () => (dy.dtype === 'complex64' ? tf.clone(dy) : tf.cast(dy, 'float32')),
  }));
}

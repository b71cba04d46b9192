import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { GradientTools } from './gradient-tools.ts';

/** Gradients of functions of two numbers, with broadcasting, after tensorflow/python/ops/math_grad.py. */

/** `add(x, bias)` as every dense and convolution layer does it. */
export function isBiasAdd(a: TensorInfo, b: TensorInfo): boolean {
  return (
    a.dtype === 'float32' &&
    b.dtype === 'float32' &&
    b.shape.length === 1 &&
    a.shape.length >= 2 &&
    a.shape.length <= 5 &&
    a.shape.at(-1) === b.shape[0]
  );
}

const BOTH = { inputs: ['a', 'b'] };

type Side = (dy: Tensor, a: Tensor, b: Tensor) => Tensor;

export function installBinaryGradients(tools: GradientTools): void {
  installSums(tools);
  installArithmetic(tools);
  installPower(tools);
  installChoices(tools);
  installConstants(tools);
}

function installSums({ tf, define, sumTo, call, run, replaceKernel, onTensorflow }: GradientTools): void {
  replaceKernel(
    'BiasAddGrad',
    () =>
      ({ dy }) =>
        run('BiasAddGrad', [dy as Tensor]),
  );
  define('BiasAddGrad', { inputs: ['dy'] }, (ddy, [dy]) => ({
    dy: () => tf.broadcastTo(ddy, (dy as Tensor).shape),
  }));
  define('Add', BOTH, (dy, saved) => {
    const [a, b] = saved as [Tensor, Tensor];
    const bias = onTensorflow() && isBiasAdd(a, b);
    return {
      a: () => sumTo(dy, a.shape),
      b: () => (bias ? call('BiasAddGrad', { dy }) : sumTo(dy, b.shape)),
    };
  });
  define('Sub', BOTH, (dy, saved) => {
    const [a, b] = saved as [Tensor, Tensor];
    return { a: () => sumTo(dy, a.shape), b: () => tf.neg(sumTo(dy, b.shape)) };
  });
}

function installArithmetic({ tf, define, numbers, conj, sumTo }: GradientTools): void {
  const { div, mul, neg, square, sub, where } = tf;
  const binary = (name: string, ofA: Side, ofB: Side) => {
    define(name, BOTH, (dy, saved) => {
      const [a, b] = saved as [Tensor, Tensor];
      return {
        a: () => sumTo(ofA(dy, a, b), a.shape),
        b: () => sumTo(ofB(dy, a, b), b.shape),
      };
    });
  };
  const factor = (x: Tensor) => conj(numbers(x));

  binary(
    'Multiply',
    (dy, _, b) => mul(dy, factor(b)),
    (dy, a) => mul(dy, factor(a)),
  );
  binary(
    'RealDiv',
    (dy, _, b) => div(dy, factor(b)),
    (dy, a, b) => neg(div(mul(dy, factor(a)), square(factor(b)))),
  );
  const twice = (dy: Tensor, a: Tensor, b: Tensor) => mul(dy, mul(2, sub(factor(a), factor(b))));
  binary('SquaredDifference', twice, (dy, a, b) => twice(dy, b, a));
  // Where both are equal the first one has the gradient.
  binary(
    'Maximum',
    (dy, a, b) => where(tf.greaterEqual(a, b), dy, tf.zerosLike(dy)),
    (dy, a, b) => where(tf.greaterEqual(a, b), tf.zerosLike(dy), dy),
  );
  binary(
    'Minimum',
    (dy, a, b) => where(tf.lessEqual(a, b), dy, tf.zerosLike(dy)),
    (dy, a, b) => where(tf.lessEqual(a, b), tf.zerosLike(dy), dy),
  );
  binary(
    'Atan2',
    (dy, a, b) => mul(dy, div(numbers(b), tf.add(square(numbers(a)), square(numbers(b))))),
    (dy, a, b) => neg(mul(dy, div(numbers(a), tf.add(square(numbers(a)), square(numbers(b)))))),
  );
  // The whole part does not change. (tfjs divides integers with it, which have the gradient of a division there.)
  const whole = (a: Tensor, b: Tensor) => a.dtype !== 'int32' || b.dtype !== 'int32';
  binary(
    'FloorDiv',
    (dy, a, b) => (whole(a, b) ? tf.zerosLike(dy) : div(dy, factor(b))),
    (dy, a, b) => (whole(a, b) ? tf.zerosLike(dy) : neg(div(mul(dy, factor(a)), square(factor(b))))),
  );
  binary(
    'Mod',
    (dy) => dy,
    (dy, a, b) => neg(mul(dy, tf.floor(div(numbers(a), numbers(b))))),
  );
}

function installPower({ tf, define, numbers, conj, sumTo }: GradientTools): void {
  const { mul, sub, where } = tf;
  const factor = (x: Tensor) => conj(numbers(x));

  define('Pow', { inputs: ['a', 'b'], outputs: [true] }, (dy, saved) => {
    const [a, b, y] = saved as [Tensor, Tensor, Tensor];
    const [base, exponent] = [factor(a), factor(b)];
    return {
      a: () => {
        // At 0^0 the slope would be 0 times infinity. Only the base is replaced: what the exponent does to it stays.
        const zero = tf.zerosLike(base);
        const still = tf.logicalAnd(tf.equal(base, zero), tf.equal(exponent, tf.zerosLike(exponent)));
        const usable = where(still, tf.onesLike(base), base);
        return sumTo(mul(dy, mul(exponent, tf.pow(usable, sub(exponent, 1)))), a.shape);
      },
      b: () => {
        const zero = tf.zerosLike(base);
        const usable = base.dtype === 'complex64' ? tf.notEqual(base, zero) : tf.greater(base, zero);
        const logarithm = where(usable, tf.log(where(usable, base, tf.onesLike(base))), zero);
        return sumTo(mul(mul(dy, factor(y)), logarithm), b.shape);
      },
    };
  });
}

function installChoices({ tf, define, numbers, sumTo }: GradientTools): void {
  const { mul, where } = tf;

  define('Prelu', { inputs: ['x', 'alpha'] }, (dy, saved) => {
    const [x, alpha] = saved as [Tensor, Tensor];
    const above = () => tf.greater(x, 0);
    return {
      x: () => sumTo(where(above(), dy, mul(dy, alpha)), x.shape),
      alpha: () => sumTo(where(above(), tf.zerosLike(dy), mul(dy, numbers(x))), alpha.shape),
    };
  });

  // Choosing 0, not multiplying with it: what flows to the other branch may be infinite.
  define('Select', { inputs: ['condition'] }, (dy, saved) => {
    const [condition] = saved as [Tensor];
    const zero = () => tf.zerosLike(dy);
    return {
      condition: () => tf.zeros(condition.shape),
      t: () => where(condition, dy, zero()),
      e: () => where(condition, zero(), dy),
    };
  });
  define('AddN', { all: true }, (dy, saved) =>
    Object.fromEntries(saved.map((_, i) => [String(i), () => tf.clone(dy)])),
  );
}

/** Ops whose result does not change with small changes of these inputs. */
const CONSTANT: Readonly<Record<string, string[]>> = {
  All: ['x'],
  Any: ['x'],
  ArgMax: ['x'],
  ArgMin: ['x'],
  BitwiseAnd: ['a', 'b'],
  Equal: ['a', 'b'],
  Greater: ['a', 'b'],
  GreaterEqual: ['a', 'b'],
  Less: ['a', 'b'],
  LessEqual: ['a', 'b'],
  LogicalAnd: ['a', 'b'],
  LogicalNot: ['x'],
  LogicalOr: ['a', 'b'],
  LogicalXor: ['a', 'b'],
  NotEqual: ['a', 'b'],
  NonMaxSuppressionV3: ['boxes', 'scores'],
  NonMaxSuppressionV4: ['boxes', 'scores'],
  Multinomial: ['logits'],
  SearchSorted: ['sortedSequence', 'values'],
  Ceil: ['x'],
  Floor: ['x'],
  Round: ['x'],
  Sign: ['x'],
  Step: ['x'],
  IsFinite: ['x'],
  IsInf: ['x'],
  IsNan: ['x'],
  OneHot: ['indices'],
  OnesLike: ['x'],
  ZerosLike: ['x'],
};

function installConstants({ define, noGradient }: GradientTools): void {
  for (const [name, inputs] of Object.entries(CONSTANT)) {
    define(name, { inputs }, (_, saved) =>
      Object.fromEntries(inputs.map((input, i) => [input, () => noGradient(saved[i] as Tensor)])),
    );
  }
}

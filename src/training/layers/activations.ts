import { register, registered, type Activation, type Config, type Tensor, type Tf } from './registry.ts';

type Formula = (tf: Tf, x: Tensor) => Tensor;

/** Numbers at which a formula has its corners, as in keras/src/activations/activations.py. */
const SHRINK = 0.5;
const SLOPE = 0.2;

const silu: Formula = (tf, x) => tf.mul(x, tf.sigmoid(x));
/** Keras 3's hard sigmoid; tfjs's `hardSigmoid` is the older 0.2 x + 0.5. */
const hardSigmoid: Formula = (tf, x) => tf.div(tf.relu6(tf.add(x, 3)), 6);
const hardSilu: Formula = (tf, x) => tf.mul(x, hardSigmoid(tf, x));

/**
 * Keras's sparsemax. It is not that of Martins and Astudillo (2016): Keras 3.15 sums the cumulated sums of the support,
 * where the paper has the sum itself, and a file means what Keras computes of it.
 */
const sparsemax: Formula = (tf, x) => {
  const size = x.shape.at(-1) as number;
  const compute = tf.customGrad((input, save) => {
    const value = input as Tensor;
    const { values } = tf.topk(value, size, true);
    const sums = tf.cumsum(values, -1);
    const ranks = tf.range(1, size + 1);
    const kept = tf.cast(tf.greater(values, tf.div(tf.sub(sums, 1), ranks)), 'float32');
    const count = tf.sum(kept, -1, true);
    const threshold = tf.div(tf.sub(tf.sum(tf.mul(sums, kept), -1, true), 1), count);
    const result = tf.relu(tf.sub(value, threshold));
    (save as (tensors: Tensor[]) => void)([value, count, result]);
    return {
      value: result,
      gradFunc: (dy, saved) => {
        const [given, support, output] = saved as [Tensor, Tensor, Tensor];
        const passed = tf.mul(dy, tf.cast(tf.greater(output, 0), 'float32'));
        // How many numbers of the same row are larger.
        const larger = tf.greater(tf.expandDims(given, -2), tf.expandDims(given, -1));
        const share = tf.relu(tf.sub(support, tf.sum(tf.cast(larger, 'float32'), -1)));
        const through = tf.div(tf.mul(share, tf.sum(passed, -1, true)), support);
        return tf.sub(passed, through);
      },
    };
  });
  return compute(x);
};

/** Keras's activations that tfjs lacks, or has under the same name for another function. */
const ACTIVATION_FORMULAS: Readonly<Record<string, Formula>> = {
  celu: (tf, x) => tf.add(tf.relu(x), tf.expm1(tf.minimum(x, 0))),
  exponential: (tf, x) => tf.exp(x),
  glu: (tf, x) => {
    const [value, gate] = tf.split(x, 2, -1) as [Tensor, Tensor];
    return tf.mul(value, tf.sigmoid(gate));
  },
  hardShrink: (tf, x) => tf.mul(x, tf.cast(tf.greater(tf.abs(x), SHRINK), 'float32')),
  hardSilu,
  hardTanh: (tf, x) => tf.clipByValue(x, -1, 1),
  kerasHardSigmoid: hardSigmoid,
  leakyRelu: (tf, x) => tf.leakyRelu(x, SLOPE),
  // tfjs's own holds a tensor in its gradient that a compiled step does not have.
  logSigmoid: (tf, x) => tf.neg(tf.softplus(tf.neg(x))),
  silu,
  softShrink: (tf, x) => tf.sub(x, tf.clipByValue(x, -SHRINK, SHRINK)),
  sparsePlus: (tf, x) => {
    const inner = tf.clipByValue(x, -1, 1);
    return tf.add(tf.div(tf.square(tf.add(inner, 1)), 4), tf.relu(tf.sub(x, 1)));
  },
  sparseSigmoid: (tf, x) => tf.mul(tf.add(tf.clipByValue(x, -1, 1), 1), 0.5),
  sparsemax,
  squareplus: (tf, x) => tf.div(tf.add(x, tf.sqrt(tf.add(tf.square(x), 4))), 2),
  tanhShrink: (tf, x) => tf.sub(x, tf.tanh(x)),
};

/** Keras's names of activations, with those of tfjs or ours. `hard_sigmoid` is another function in each. */
export const KERAS_ACTIVATIONS: Readonly<Record<string, string>> = {
  celu: 'celu',
  elu: 'elu',
  exponential: 'exponential',
  gelu: 'gelu',
  glu: 'glu',
  hard_shrink: 'hardShrink',
  hard_sigmoid: 'kerasHardSigmoid',
  hard_silu: 'hardSilu',
  hard_swish: 'hardSilu',
  hard_tanh: 'hardTanh',
  leaky_relu: 'leakyRelu',
  linear: 'linear',
  log_sigmoid: 'logSigmoid',
  log_softmax: 'logSoftmax',
  mish: 'mish',
  relu: 'relu',
  relu6: 'relu6',
  selu: 'selu',
  sigmoid: 'sigmoid',
  silu: 'silu',
  soft_shrink: 'softShrink',
  softmax: 'softmax',
  softplus: 'softplus',
  softsign: 'softsign',
  sparse_plus: 'sparsePlus',
  sparse_sigmoid: 'sparseSigmoid',
  sparsemax: 'sparsemax',
  squareplus: 'squareplus',
  swish: 'silu',
  tanh: 'tanh',
  tanh_shrink: 'tanhShrink',
};

/** Lets layers take the activations of Keras by name. */
export function installActivations(tf: Tf): void {
  const Base = Object.getPrototypeOf(registered(tf, 'relu')) as new () => Activation;
  for (const [name, formula] of Object.entries(ACTIVATION_FORMULAS)) {
    const made = class extends Base {
      static readonly className = name;
      override apply(x: Tensor): Tensor {
        return tf.tidy(() => formula(tf, x));
      }
      override getConfig(): Config {
        return {};
      }
    };
    register(tf, made);
  }
}

import type * as Tf from '@tensorflow/tfjs';
import type { Tf as TfInstance } from '../../tfjs/instance.ts';

/** An op, or a small composition of ops, on fixed inputs. */
export interface OpCase {
  name: string;
  run(tf: TfInstance): Tf.Tensor;
}

/** Numbers in (-1, 1) that look random and are the same everywhere. */
function values(count: number, seed: number): Float32Array {
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const x = Math.sin(seed * 12.9898 + i * 78.233) * 43758.5453;
    numbers[i] = 2 * (x - Math.floor(x)) - 1;
  }
  return numbers;
}

type Make = (tf: TfInstance) => Tf.Tensor;

const of =
  (shape: readonly number[], seed = 1): Make =>
  (tf) =>
    tf.tensor(
      values(
        shape.reduce((product, size) => product * size, 1),
        seed,
      ),
      [...shape],
    );

type Shape4D = [number, number, number, number];

/** For ops that take four dimensions alone. */
const of4D =
  (shape: Shape4D, seed = 1) =>
  (tf: TfInstance): Tf.Tensor4D =>
    of(shape, seed)(tf).reshape(shape);

/** In (0, 2): for logarithms and roots. */
const positive =
  (shape: readonly number[]): Make =>
  (tf) =>
    of(shape)(tf).add(1.001);

const whole =
  (shape: readonly number[], most: number): Make =>
  (tf) =>
    of(shape, 5)(tf).abs().mul(most).floor().toInt();

const UNARY = [
  'abs',
  'ceil',
  'cos',
  'cosh',
  'elu',
  'erf',
  'exp',
  'expm1',
  'floor',
  'leakyRelu',
  'neg',
  'relu',
  'relu6',
  'round',
  'selu',
  'sigmoid',
  'sign',
  'sin',
  'sinh',
  'softplus',
  'square',
  'tan',
  'tanh',
  'atan',
  'asin',
  'acos',
  'asinh',
] as const;
const UNARY_POSITIVE = ['log', 'log1p', 'reciprocal', 'rsqrt', 'sqrt', 'acosh'] as const;
const BINARY = [
  'add',
  'atan2',
  'div',
  'equal',
  'greater',
  'lessEqual',
  'maximum',
  'minimum',
  'mul',
  'notEqual',
  'squaredDifference',
  'sub',
] as const;
const REDUCTIONS = [
  'all',
  'any',
  'argMax',
  'argMin',
  'logSumExp',
  'max',
  'mean',
  'min',
  'prod',
  'sum',
] as const;

const SHAPE = [8, 33];

const image = of4D([2, 9, 11, 4]);
const filter = of4D([3, 3, 4, 6], 2);

/** Derivatives of a scalar by several inputs, as one vector. */
function gradients(tf: TfInstance, value: () => Tf.Tensor, inputs: readonly Tf.Variable[]): Tf.Tensor {
  const { grads } = tf.variableGrads(() => value().asScalar(), [...inputs]);
  return tf.concat(inputs.flatMap(({ name }) => grads[name]?.flatten() ?? []));
}

const elementwise: OpCase[] = [
  ...UNARY.map((name): OpCase => ({ name, run: (tf) => tf[name](of(SHAPE)(tf)) })),
  ...UNARY_POSITIVE.map((name): OpCase => {
    const input =
      name === 'acosh' ? (tf: TfInstance): Tf.Tensor => positive(SHAPE)(tf).add(1) : positive(SHAPE);
    return { name, run: (tf) => tf[name](input(tf)) };
  }),
  ...BINARY.map((name): OpCase => ({
    name: `${name}, broadcast`,
    run: (tf) => tf[name](of(SHAPE)(tf), of([33], 3)(tf)),
  })),
  { name: 'pow', run: (tf) => tf.pow(positive(SHAPE)(tf), of([33], 3)(tf)) },
  { name: 'mod', run: (tf) => tf.mod(of(SHAPE)(tf).mul(10), 3) },
  { name: 'clipByValue', run: (tf) => tf.clipByValue(of(SHAPE)(tf), -0.5, 0.5) },
  { name: 'where', run: (tf) => tf.where(of(SHAPE)(tf).greater(0), of(SHAPE, 2)(tf), of(SHAPE, 3)(tf)) },
  { name: 'cast to int32', run: (tf) => of(SHAPE)(tf).mul(100).toInt() },
  { name: 'int32 product', run: (tf) => whole([40], 1000)(tf).mul(whole([40], 77)(tf)) },
  { name: 'int32 floorDiv', run: (tf) => tf.floorDiv(whole([40], 1000)(tf), tf.scalar(7, 'int32')) },
  { name: 'logicalAnd', run: (tf) => of(SHAPE)(tf).greater(0).logicalAnd(of(SHAPE, 2)(tf).greater(0)) },
];

const reductions: OpCase[] = [
  ...REDUCTIONS.map((name): OpCase => {
    const run = (tf: TfInstance): Tf.Tensor => {
      const x = of(SHAPE)(tf);
      if (name === 'all' || name === 'any') return tf[name](x.greater(-0.9), 1);
      return tf[name](x, 1);
    };
    return { name: `${name} over an axis`, run };
  }),
  { name: 'sum of all', run: (tf) => of([64, 64])(tf).sum() },
  { name: 'cumsum', run: (tf) => of(SHAPE)(tf).cumsum(1) },
  { name: 'softmax', run: (tf) => tf.softmax(of(SHAPE)(tf)) },
  { name: 'logSoftmax', run: (tf) => tf.logSoftmax(of(SHAPE)(tf)) },
  { name: 'topk', run: (tf) => tf.topk(of(SHAPE)(tf), 5).values },
  {
    name: 'unsortedSegmentSum',
    run: (tf) => tf.unsortedSegmentSum(of([33, 4])(tf), whole([33], 6)(tf).as1D(), 6),
  },
];

const shapes: OpCase[] = [
  { name: 'transpose', run: (tf) => of([3, 4, 5])(tf).transpose([2, 0, 1]) },
  { name: 'concat', run: (tf) => tf.concat([of(SHAPE)(tf), of(SHAPE, 2)(tf)], 1) },
  { name: 'stack', run: (tf) => tf.stack([of(SHAPE)(tf), of(SHAPE, 2)(tf)], 1) },
  { name: 'slice', run: (tf) => tf.slice(of([6, 7, 8])(tf), [1, 2, 3], [4, 3, 2]) },
  { name: 'stridedSlice', run: (tf) => tf.stridedSlice(of([16, 15])(tf), [1, 14], [15, 2], [3, -2]) },
  {
    name: 'pad',
    run: (tf) =>
      tf.pad(
        of(SHAPE)(tf),
        [
          [1, 2],
          [3, 0],
        ],
        0.5,
      ),
  },
  {
    name: 'mirrorPad',
    run: (tf) =>
      tf.mirrorPad(
        of(SHAPE)(tf),
        [
          [1, 2],
          [3, 0],
        ],
        'reflect',
      ),
  },
  { name: 'tile', run: (tf) => tf.tile(of([3, 5])(tf), [2, 3]) },
  { name: 'reverse', run: (tf) => tf.reverse(of([3, 5, 2])(tf), [0, 2]) },
  { name: 'gather', run: (tf) => tf.gather(of(SHAPE)(tf), whole([10], 8)(tf), 0) },
  { name: 'gatherND', run: (tf) => tf.gatherND(of([8, 8])(tf), whole([10, 2], 8)(tf)) },
  {
    name: 'scatterND',
    run: (tf) => tf.scatterND(tf.tensor2d([[4], [1], [6]], [3, 1], 'int32'), of([3, 5])(tf), [8, 5]),
  },
  { name: 'oneHot', run: (tf) => tf.oneHot(whole([12], 9)(tf), 9) },
  {
    name: 'spaceToBatchND',
    run: (tf) =>
      tf.spaceToBatchND(
        of([1, 4, 6, 2])(tf),
        [2, 2],
        [
          [0, 0],
          [0, 0],
        ],
      ),
  },
  { name: 'depthToSpace', run: (tf) => tf.depthToSpace(of4D([1, 3, 3, 8])(tf), 2, 'NHWC') },
];

const products: OpCase[] = [
  { name: 'matMul', run: (tf) => tf.matMul(of([65, 130])(tf), of([130, 33], 2)(tf)) },
  { name: 'matMul, transposed', run: (tf) => tf.matMul(of([130, 65])(tf), of([33, 130], 2)(tf), true, true) },
  { name: 'matMul, batches', run: (tf) => tf.matMul(of([3, 17, 20])(tf), of([3, 20, 9], 2)(tf)) },
  { name: 'einsum', run: (tf) => tf.einsum('bij,bkj->bik', of([2, 5, 6])(tf), of([2, 7, 6], 2)(tf)) },
  { name: 'conv2d', run: (tf) => tf.conv2d(image(tf), filter(tf), 1, 'same') },
  { name: 'conv2d, strides', run: (tf) => tf.conv2d(image(tf), filter(tf), 2, 'valid') },
  {
    name: 'depthwiseConv2d',
    run: (tf) => tf.depthwiseConv2d(image(tf), of4D([3, 3, 4, 2], 2)(tf), 1, 'same'),
  },
  {
    name: 'conv2dTranspose',
    run: (tf) => tf.conv2dTranspose(image(tf), of4D([3, 3, 5, 4], 2)(tf), [2, 18, 22, 5], 2, 'same'),
  },
  { name: 'maxPool', run: (tf) => tf.maxPool(image(tf), 2, 2, 'same') },
  { name: 'avgPool', run: (tf) => tf.avgPool(image(tf), 3, 2, 'valid') },
  { name: 'resizeBilinear', run: (tf) => tf.image.resizeBilinear(image(tf), [15, 7], false, true) },
  {
    name: 'batchNorm',
    run: (tf) => tf.batchNorm(image(tf), of([4], 2)(tf), positive([4])(tf), of([4], 3)(tf), of([4], 4)(tf)),
  },
  { name: 'fft', run: (tf) => tf.real(tf.fft(tf.complex(of([4, 16])(tf), of([4, 16], 2)(tf)))) },
];

const derivatives: OpCase[] = [
  {
    name: 'gradients of a dense network',
    run: (tf) => {
      const x = of([5, 7])(tf);
      const a = tf.variable(of([7, 11], 2)(tf));
      const b = tf.variable(of([11, 3], 3)(tf));
      return gradients(tf, () => tf.softmax(x.matMul(a).tanh().matMul(b)).log().mean(), [a, b]);
    },
  },
  {
    name: 'gradients of a convolution and a pool',
    run: (tf) => {
      const x = tf.variable(image(tf));
      const w = tf.variable(filter(tf));
      const pooled = (): Tf.Tensor4D => tf.maxPool(tf.conv2d(x, w, 1, 'same').relu(), 2, 2, 'valid');
      return gradients(tf, () => pooled().square().mean(), [x, w]);
    },
  },
  {
    name: 'gradients of gather and reductions',
    run: (tf) => {
      const x = tf.variable(of(SHAPE)(tf));
      const rows = tf.tensor1d([1, 1, 5], 'int32');
      return gradients(tf, () => tf.gather(x, rows).logSumExp(1).sum(), [x]);
    },
  },
];

/** Ops of all families, with gradients, in the sizes of a test. */
export const OP_CASES: readonly OpCase[] = [
  ...elementwise,
  ...reductions,
  ...shapes,
  ...products,
  ...derivatives,
];

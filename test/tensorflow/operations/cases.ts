import { cases as gradientCases } from '../gradients/cases.ts';
import { valuesOf, type Loose } from '../gradients/case.ts';

/** A call of an op of `tf`. */
export interface OperationCase {
  op: string;
  /** Values and shape of each tensor that the op is called with. */
  inputs: { values: number[]; shape: number[]; dtype?: 'int32' }[];
  run: (tf: Loose, ...inputs: Loose[]) => unknown;
  /** True where results differ from call to call. */
  random?: boolean;
}

const vector = { values: [3, 1, 3, 2], shape: [4] };
const whole = { ...vector, dtype: 'int32' as const };
const matrix = { values: [1, 2, 3, 4, 5, 6], shape: [2, 3] };
const boxes = { values: [0, 0, 1, 1, 0, 0, 1, 0.9, 0, 2, 1, 3], shape: [3, 4] };
const scores = { values: [0.9, 0.8, 0.7], shape: [3] };

const none = (op: string, run: (tf: Loose) => unknown, random = false): OperationCase => ({
  op,
  inputs: [],
  run,
  ...(random ? { random } : {}),
});
const of = (op: string, inputs: OperationCase['inputs'], run: OperationCase['run']): OperationCase => ({
  op,
  inputs,
  run,
});

/** Ops that no gradient goes through; those of the others are the cases of gradients. */
const withoutGradient: OperationCase[] = [
  of('booleanMaskAsync', [vector], (tf, a) => tf.booleanMaskAsync(a, tf.tensor1d([1, 0, 1, 0], 'bool'))),
  of('broadcastArgs', [], (tf) =>
    tf.broadcastArgs(tf.tensor1d([2, 1], 'int32'), tf.tensor1d([1, 3], 'int32')),
  ),
  none('cosineWindow', (tf) => tf.signal.hannWindow(4)),
  none('eye', (tf) => tf.eye(2)),
  none('fill', ({ fill }) => fill([2, 2], 3)),
  of('image.nonMaxSuppressionAsync', [boxes, scores], (tf, a, b) => tf.image.nonMaxSuppressionAsync(a, b, 2)),
  of('image.nonMaxSuppressionPaddedAsync', [boxes, scores], (tf, a, b) =>
    tf.image.nonMaxSuppressionPaddedAsync(a, b, 2),
  ),
  of('image.nonMaxSuppressionWithScore', [boxes, scores], (tf, a, b) =>
    tf.image.nonMaxSuppressionWithScore(a, b, 2),
  ),
  of('image.nonMaxSuppressionWithScoreAsync', [boxes, scores], (tf, a, b) =>
    tf.image.nonMaxSuppressionWithScoreAsync(a, b, 2),
  ),
  of('image.threshold', [{ values: [10, 200, 30, 220], shape: [2, 2, 1], dtype: 'int32' }], (tf, a) =>
    tf.image.threshold(a, 'otsu'),
  ),
  of('inTopKAsync', [matrix], (tf, a) => tf.inTopKAsync(a, tf.tensor1d([2, 0], 'int32'), 1)),
  none('linspace', (tf) => tf.linspace(0, 1, 5)),
  of('math.confusionMatrix', [], (tf) =>
    tf.math.confusionMatrix(tf.tensor1d([0, 1, 1], 'int32'), tf.tensor1d([1, 1, 0], 'int32'), 2),
  ),
  none('ones', (tf) => tf.ones([2])),
  none(
    'raggedRange',
    (tf) => tf.raggedRange(tf.tensor1d([0]), tf.tensor1d([3]), tf.tensor1d([1])).rtDenseValues,
  ),
  none('rand', (tf) => tf.rand([2], () => 0.5)),
  none('randomGamma', (tf) => tf.randomGamma([2], 1), true),
  none('randomNormal', (tf) => tf.randomNormal([2]), true),
  none('randomStandardNormal', (tf) => tf.randomStandardNormal([2]), true),
  none('randomUniform', (tf) => tf.randomUniform([2]), true),
  none('randomUniformInt', (tf) => tf.randomUniformInt([2], 0, 9), true),
  none('range', (tf) => tf.range(0, 3)),
  none('scalar', (tf) => tf.scalar(2)),
  of('setdiff1dAsync', [whole], (tf, a) => tf.setdiff1dAsync(a, tf.tensor1d([3], 'int32'))),
  none('signal.hammingWindow', (tf) => tf.signal.hammingWindow(4)),
  none('signal.hannWindow', (tf) => tf.signal.hannWindow(4)),
  none('sparse.sparseReshape', (tf) =>
    tf.sparse.sparseReshape(
      tf.tensor2d([[0, 1]], [1, 2], 'int32'),
      tf.tensor1d([2, 2], 'int32'),
      tf.tensor1d([4], 'int32'),
    ),
  ),
  none('string.staticRegexReplace', (tf) => tf.string.staticRegexReplace(tf.tensor1d(['ab']), 'a', 'b')),
  none('string.stringNGrams', (tf) =>
    tf.string.stringNGrams(tf.tensor1d(['a', 'b']), tf.tensor1d([0, 2], 'int32'), ' ', [2], '', '', 0, false),
  ),
  none('string.stringSplit', (tf) => tf.string.stringSplit(tf.tensor1d(['a b']), tf.scalar(' '))),
  none('string.stringToHashBucketFast', (tf) => tf.string.stringToHashBucketFast(tf.tensor1d(['a']), 9)),
  none('tensor', (tf) => tf.tensor([1, 2])),
  none('tensor1d', (tf) => tf.tensor1d([1, 2])),
  none('tensor2d', (tf) => tf.tensor2d([[1, 2]])),
  none('tensor3d', (tf) => tf.tensor3d([[[1, 2]]])),
  none('tensor4d', (tf) => tf.tensor4d([[[[1, 2]]]])),
  none('tensor5d', (tf) => tf.tensor5d([[[[[1, 2]]]]])),
  none('tensor6d', (tf) => tf.tensor6d([[[[[[1, 2]]]]]])),
  none('truncatedNormal', (tf) => tf.truncatedNormal([2]), true),
  of('unique', [whole], (tf, a) => tf.unique(a)),
  none('variable', (tf) => tf.variable(tf.ones([2])).add(1)),
  of('whereAsync', [vector], (tf, a) => tf.whereAsync(tf.greater(a, 1))),
  none('zeros', (tf) => tf.zeros([2])),
];

/** Ops with a gradient whose numbers differ from call to call. */
const RANDOM = new Set(['dropout', 'multinomial']);

/** A case for every op that has one; the first of its gradients. */
export function operationCases(): OperationCase[] {
  const first = new Map(gradientCases.toReversed().map((one) => [one.op, one]));
  const differentiable = [...first.values()].map((one): OperationCase => {
    const values = valuesOf(one);
    return {
      op: one.op,
      inputs: one.inputs.map(({ shape }, i) => ({ shape, values: values[i] as number[] })),
      run: one.run,
      ...(RANDOM.has(one.op) ? { random: true } : {}),
    };
  });
  return [...withoutGradient, ...differentiable];
}

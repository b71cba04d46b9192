import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, loadTf } from '../../src/api/tensorflow.ts';
import { numbers, sizeOf, type Loose } from './gradients/case.ts';

/** Arguments that tfjs's other backends take and tfjs-node refuses or computes wrongly. */

const tf = loadTf() as Loose;
const filled = (shape: number[], seed = 1): Loose => tf.tensor(numbers(sizeOf(shape), -2, 2, seed), shape);

/** Runs `f` on this backend and on tfjs's own in JavaScript, and compares. */
function sameAsPlain(f: (...inputs: Loose[]) => Loose, ...inputs: Loose[]): void {
  const given = inputs.map((x) => ({
    values: x.dataSync(),
    shape: x.shape as number[],
    dtype: x.dtype as string,
  }));
  const ours = f(...inputs);
  const result = { shape: ours.shape as number[], values: Array.from(ours.dataSync() as Float32Array) };
  tf.setBackend('cpu');
  try {
    const plain = f(...given.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype)));
    assert.deepEqual(result.shape, plain.shape);
    for (const [i, value] of Array.from(plain.dataSync() as Float32Array).entries()) {
      assert.ok(
        Math.abs(value - (result.values[i] as number)) < 1e-4,
        `element ${i}: ${result.values[i]}, ${value}`,
      );
    }
  } finally {
    tf.setBackend('tensorflow');
  }
}

for (const [name, pad, dilations] of [
  ['same', 'same', 2],
  ['valid', 'valid', [2, 1, 2]],
] as const) {
  test(`conv3d with dilations, ${name}, equals plain tfjs`, () => {
    sameAsPlain(
      (x, f) => tf.conv3d(x, f, 1, pad, 'NDHWC', dilations),
      filled([1, 5, 4, 5, 2]),
      filled([2, 2, 2, 2, 3], 2),
    );
  });
}

/** A padding below 0 is a smaller input. */
const inner = (x: Loose, axes: number[]): Loose => {
  const begin = x.shape.map((_: number, i: number) => (axes.includes(i) ? 1 : 0));
  return tf.slice(
    x,
    begin,
    x.shape.map((size: number, i: number) => (axes.includes(i) ? size - 2 : size)),
  );
};
const image = filled([1, 6, 5, 2]);
const volume = filled([1, 4, 5, 4, 2]);
const cut: [string, Loose, Loose][] = [
  [
    'conv1d',
    tf.conv1d(filled([1, 6, 2]), filled([2, 2, 3], 2), 1, -1),
    tf.conv1d(inner(filled([1, 6, 2]), [1]), filled([2, 2, 3], 2), 1, 'valid'),
  ],
  [
    'conv2d',
    tf.conv2d(image, filled([2, 2, 2, 3], 2), 1, -1),
    tf.conv2d(inner(image, [1, 2]), filled([2, 2, 2, 3], 2), 1, 'valid'),
  ],
  [
    'conv2d, explicit',
    tf.conv2d(image, filled([2, 2, 2, 3], 2), 1, [
      [0, 0],
      [-1, -1],
      [0, 0],
      [0, 0],
    ]),
    tf.conv2d(inner(image, [1]), filled([2, 2, 2, 3], 2), 1, 'valid'),
  ],
  [
    'depthwiseConv2d',
    tf.depthwiseConv2d(image, filled([2, 2, 2, 2], 2), 1, -1),
    tf.depthwiseConv2d(inner(image, [1, 2]), filled([2, 2, 2, 2], 2), 1, 'valid'),
  ],
  [
    'conv3d',
    tf.conv3d(volume, filled([2, 2, 2, 2, 1], 2), 1, -1),
    tf.conv3d(inner(volume, [1, 2, 3]), filled([2, 2, 2, 2, 1], 2), 1, 'valid'),
  ],
  ['maxPool', tf.maxPool(image, 2, 1, -1), tf.maxPool(inner(image, [1, 2]), 2, 1, 'valid')],
  ['avgPool', tf.avgPool(image, 2, 1, -1), tf.avgPool(inner(image, [1, 2]), 2, 1, 'valid')],
  ['maxPool3d', tf.maxPool3d(volume, 2, 1, -1), tf.maxPool3d(inner(volume, [1, 2, 3]), 2, 1, 'valid')],
  [
    'pad',
    tf.pad(image, [
      [0, 0],
      [-1, -1],
      [-1, -1],
      [0, 0],
    ]),
    inner(image, [1, 2]),
  ],
];
for (const [name, actual, expected] of cut) {
  test(`a padding below 0 takes places away: ${name}`, () => {
    assert.deepEqual(actual.shape, expected.shape);
    assert.ok(tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0] < 1e-5);
  });
}
test('a padding that takes more away than there is gets an error', () => {
  assert.throws(
    () => tf.pad(tf.tensor1d([1, 2]), [[-2, -1]]),
    /paddings \[-2, -1\] of axis 0 .* than the 2 that it has/,
  );
});

test('lowerBound, upperBound and searchSorted compare numbers of different dtypes', () => {
  const whole = tf.tensor1d([1, 3, 5], 'int32');
  const parts = tf.tensor1d([0.5, 3, 3.5]);
  assert.deepEqual(tf.lowerBound(whole, parts).flatten().arraySync(), [0, 1, 2]);
  assert.deepEqual(tf.upperBound(whole, parts).flatten().arraySync(), [0, 2, 2]);
  assert.deepEqual(
    tf
      .lowerBound(tf.tensor1d([0.5, 2.5]), tf.tensor1d([1, 3], 'int32'))
      .flatten()
      .arraySync(),
    [1, 2],
  );
  assert.deepEqual(
    tf
      .searchSorted(whole, tf.tensor1d([true, false], 'bool'), 'right')
      .flatten()
      .arraySync(),
    [1, 0],
  );
  sameAsPlain((s, v) => tf.lowerBound(s, v), whole, parts);
});

test('null stands for the default of a random op', () => {
  for (const dtype of [undefined, null, 'float32', 'int32'] as const) {
    const drawn = tf.randomUniform([50], null, null, dtype).dataSync() as Float32Array;
    assert.ok(
      drawn.every((value) => value >= 0 && value <= 1),
      String(dtype),
    );
  }
  assert.ok(new Set(tf.randomUniform([50], null, null).dataSync()).size > 40);
  assert.ok(new Set(tf.randomNormal([50], null, null, null, null).dataSync()).size > 40);
  assert.ok(
    tf
      .truncatedNormal([50], null, null)
      .dataSync()
      .every((value: number) => Math.abs(value) <= 2),
  );
  assert.equal(tf.randomGamma([3], 2, null).shape[0], 3);
});

test('gather takes axes from the end, and convolutions channels first with strides and dilations', () => {
  sameAsPlain((x) => tf.gather(x, tf.tensor1d([1, 0], 'int32'), -1), filled([2, 3]));
  const first = filled([1, 2, 6, 5]);
  const last = tf.transpose(first, [0, 2, 3, 1]);
  const filter = filled([2, 2, 2, 3], 2);
  for (const [strides, dilations, pad] of [
    [2, 1, 'same'],
    [1, [1, 2], 'valid'],
    [1, 1, 1],
  ] as const) {
    const actual = tf.conv2d(first, filter, strides, pad, 'NCHW', dilations);
    const expected = tf.transpose(tf.conv2d(last, filter, strides, pad, 'NHWC', dilations), [0, 3, 1, 2]);
    assert.deepEqual(actual.shape, expected.shape);
    assert.ok(tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0] < 1e-5);
  }
});

test('einsum of more than two tensors', () => {
  const [x, y, z] = [filled([2, 3]), filled([3, 4], 2), filled([4, 2], 3)];
  const expected = tf.matMul(tf.matMul(x, y), z);
  assert.ok(tf.max(tf.abs(tf.sub(tf.einsum('ij,jk,kl->il', x, y, z), expected))).dataSync()[0] < 1e-4);
});

test('prelu of infinities, eagerly and compiled', () => {
  const x = tf.tensor([Infinity, -Infinity, 2, -2]);
  const alpha = tf.tensor([0.5, 0.5, 0.5, 0.25]);
  const expected = [Infinity, -Infinity, 2, -0.5];
  const compiled = compile((a: Loose, b: Loose) => tf.prelu(a, b));
  assert.deepEqual([...tf.prelu(x, alpha).dataSync()], expected);
  for (let turn = 0; turn < 2; turn++) assert.deepEqual([...compiled(x, alpha).dataSync()], expected);
});

/** Functions of `tf` that are no ops, or whose first argument is no tensor, or that answer later; `meshgrid` is no op of tfjs's. */
const NO_OPS =
  /^(dispose|keep|print|variable|tidy|ready|grad|grads|valueAndGrad|valueAndGrads|variableGrads|customGrad|time|profile|set[A-Z].*|input|model|sequential|fill|zeros|ones|range|linspace|eye|random.*|truncatedNormal|multinomial|buffer|backend|engine|env|memory|nextFrame|load.*|register.*|unregister.*|remove.*|copy.*|get.*|enable.*|disable.*|deprecation.*|findBackend.*|moving.*|movingAverage|whereAsync|booleanMaskAsync|setdiff1dAsync|.*Async|meshgrid|scalar|tensor.*|complex)$/;
const VALUES: Record<string, () => Loose> = {
  float32: () => tf.tensor([0.5, 1.5]),
  int32: () => tf.tensor([1, 2], [2], 'int32'),
  bool: () => tf.tensor([true, false]),
  complex64: () => tf.complex([1, 2], [3, 4]),
  string: () => tf.tensor(['a', 'b']),
  'a matrix of float32': () => tf.tensor([[2, 1], [1, 2]]), // oxfmt-ignore
  'a matrix of int32': () => tf.tensor([[2, 1], [1, 2]], [2, 2], 'int32'), // oxfmt-ignore
  'an image of int32': () => tf.ones([1, 4, 4, 2], 'int32'),
};

for (const [dtype, make] of Object.entries(VALUES)) {
  test(`no op disposes its arguments, or keeps more tensors than it returns: ${dtype}`, () => {
    const wrong: string[] = [];
    let ran = 0;
    for (const name of Object.keys(tf).filter((key) => typeof tf[key] === 'function' && !NO_OPS.test(key))) {
      // A constructor or a function of a namespace is no op.
      if (!/^[a-z]/.test(name)) continue;
      for (const count of [1, 2]) {
        const inputs = Array.from({ length: count }, make);
        const before = tf.memory().numTensors as number;
        let outputs: Loose[];
        try {
          const result: Loose = tf[name](...inputs);
          const values =
            Array.isArray(result) || result instanceof tf.Tensor ? [result] : Object.values(result as object);
          outputs = values.flat(3).filter((value: unknown) => value instanceof tf.Tensor);
        } catch {
          continue;
        }
        ran++;
        if (inputs.some((input) => input.isDisposed as boolean)) wrong.push(`${name} disposes an argument`);
        const made = (tf.memory().numTensors as number) - before;
        const returned = new Set(outputs.filter((output) => !inputs.includes(output))).size;
        if (made > returned) wrong.push(`${name}(${count}) keeps ${made - returned} more`);
        tf.dispose([inputs, outputs]);
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(ran > (/string|complex|bool/.test(dtype) ? 5 : 50), `${ran}`);
  });
}

test('stridedSlice without strides equals plain tfjs', () => {
  sameAsPlain((x) => tf.stridedSlice(x, [1, 0], [3, 2]), filled([4, 3]));
});

test('broadcastTo makes a length of 1 one of 0', () => {
  const shapes: [number[], number[]][] = [
    [
      [1, 3],
      [0, 3],
    ],
    [[1], [0]],
    [[0], [0, 0]],
    [
      [2, 1],
      [2, 0],
    ],
    [[3], [0, 2, 3]],
  ];
  for (const [from, to] of shapes) {
    const made = tf.broadcastTo(tf.ones(from), to);
    assert.deepEqual([made.shape, made.dataSync().length], [to, 0]);
  }
});

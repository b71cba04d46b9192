// Ops with inputs and attributes, for comparing the rules in StableHLO with TensorFlow's engine.
import { ATTR, TF } from '../../src/engines/dtypes.ts';
import type { OpAttribute } from '../../src/engines/ops.ts';
import { sizeOf } from '../../src/engines/pjrt/dtypes.ts';

export interface CaseInput {
  dtype: number;
  shape: number[];
  values: number[];
  /** Known before the program runs, as shapes and axes are. */
  known: boolean;
}

export interface OpCase {
  op: string;
  inputs: CaseInput[];
  attributes: OpAttribute[];
  outputs: number;
}

let state = 7;

/** Numbers from -1 to 1, the same in every run. */
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 31 - 1;
}

const make = (dtype: number, shape: number[], value: (i: number) => number): CaseInput => ({
  dtype,
  shape,
  values: Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
  known: false,
});

const f = (...shape: number[]) => make(TF.FLOAT, shape, () => Math.fround(3 * random()));
const positive = (...shape: number[]) => make(TF.FLOAT, shape, () => Math.fround(1.01 + random()));
const small = (...shape: number[]) => make(TF.FLOAT, shape, () => Math.fround(0.9 * random()));
const int = (...shape: number[]) => make(TF.INT32, shape, () => Math.trunc(20 * random()));
const count = (...shape: number[]) => make(TF.INT32, shape, () => Math.trunc(1 + Math.abs(6 * random())));
const bool = (...shape: number[]) => make(TF.BOOL, shape, () => Number(random() > 0));
const values = (dtype: number, list: number[], shape = [list.length]) => make(dtype, shape, (i) => list[i]!);
const ints = (...list: number[]) => values(TF.INT32, list);
/** Whole numbers that are known: shapes, axes, sizes. */
const known = (...list: number[]): CaseInput => ({ ...ints(...list), known: true });
const knownScalar = (value: number): CaseInput => ({ ...values(TF.INT32, [value], []), known: true });
/** At the edges of what an op does. */
const edges = values(TF.FLOAT, [
  -Infinity,
  -1e30,
  -100,
  -1,
  -0.5,
  -1e-6,
  0,
  1e-6,
  0.5,
  1,
  100,
  1e30,
  Infinity,
]);

const type = (name: string, value: number): OpAttribute => ({ name, type: ATTR.TYPE, value });
const whole = (name: string, value: number | number[]): OpAttribute => ({ name, type: ATTR.INT, value });
const flag = (name: string, value: boolean): OpAttribute => ({ name, type: ATTR.BOOL, value });
const real = (name: string, value: number): OpAttribute => ({ name, type: ATTR.FLOAT, value });
const text = (name: string, value: string): OpAttribute => ({ name, type: ATTR.STRING, value });

/** A case whose attribute `T` is the first input's dtype. */
function of(op: string, inputs: CaseInput[], attributes: OpAttribute[] = [], outputs = 1): OpCase {
  return { op, inputs, attributes: [type('T', inputs[0]!.dtype), ...attributes], outputs };
}

function unary(): OpCase[] {
  const anywhere =
    'Abs Atan Asinh Ceil Cos Cosh Elu Erf Exp Expm1 Floor Neg OnesLike Relu Relu6 Rint Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Square Tan Tanh ZerosLike Identity';
  const above = 'Log Log1p Reciprocal Rsqrt Sqrt Acosh';
  return [
    ...anywhere.split(' ').map((op) => of(op, [f(3, 4)])),
    ...above.split(' ').map((op) => of(op, [make(TF.FLOAT, [7], (i) => 1 + i)])),
    ...['Acos', 'Asin', 'Atanh'].map((op) => of(op, [small(2, 5)])),
    ...'Elu Relu Relu6 Selu Sigmoid Softplus Softsign Sign Tanh Erf Exp IsInf IsNan IsFinite'
      .split(' ')
      .map((op) => of(op, [edges])),
    ...['Abs', 'Neg', 'Sign', 'Square', 'Relu', 'Invert'].map((op) => of(op, [int(6)])),
    of('Round', [values(TF.FLOAT, [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4])]),
    of('LeakyRelu', [f(5)], [real('alpha', 0.3)]),
    { op: 'LogicalNot', inputs: [bool(6)], attributes: [], outputs: 1 },
    ...'Elu Relu Relu6 Selu Sigmoid Softplus Tanh Sqrt Log Sign IsNan IsFinite'
      .split(' ')
      .map((op) => of(op, [values(TF.FLOAT, [NaN, 1])])),
    of('Exp', [f()]),
    of('Exp', [f(0, 3)]),
    ...[
      [f(6), TF.INT32],
      [f(6), TF.BOOL],
      [int(6), TF.FLOAT],
      [int(6), TF.BOOL],
      [bool(6), TF.FLOAT],
      [bool(6), TF.INT32],
      [int(6), TF.INT64],
      [count(6), TF.UINT8],
    ].map(([input, to]) => {
      const { dtype } = input as CaseInput;
      const attributes = [type('SrcT', dtype), type('DstT', to as number), flag('Truncate', false)];
      return { op: 'Cast', inputs: [input as CaseInput], attributes, outputs: 1 };
    }),
  ];
}

function binary(): OpCase[] {
  const shapes: [number[], number[]][] = [
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4], [4]],
    [
      [3, 1],
      [1, 4],
    ],
    [[], [2, 3]],
    [
      [2, 1, 3],
      [4, 1],
    ],
    [[0, 3], [3]],
  ];
  const everywhere = 'AddV2 Sub Mul Maximum Minimum SquaredDifference Less LessEqual Greater GreaterEqual';
  return [
    ...everywhere.split(' ').flatMap((op) => [of(op, [f(3, 1), f(1, 4)]), of(op, [int(5), int(5)])]),
    ...shapes.flatMap(([a, b]) => [of('AddV2', [f(...a), f(...b)]), of('Sub', [f(...b), f(...a)])]),
    ...['RealDiv', 'Div', 'FloorDiv', 'FloorMod', 'Mod', 'DivNoNan', 'Atan2', 'Xdivy'].map((op) =>
      of(op, [f(3, 4), positive(4)]),
    ),
    ...['FloorDiv', 'FloorMod', 'Mod', 'TruncateDiv', 'Div'].map((op) =>
      of(op, [ints(7, -7, 7, -7, 6, -6, 0), ints(3, 3, -3, -3, 3, -3, 5)]),
    ),
    of('FloorMod', [values(TF.FLOAT, [7, -7, 7, -7, 6, -6]), values(TF.FLOAT, [3, 3, -3, -3, 3, -3])]),
    of('DivNoNan', [values(TF.FLOAT, [1, 0, -1, Infinity]), values(TF.FLOAT, [0, 0, 2, 0])]),
    of('MulNoNan', [values(TF.FLOAT, [NaN, Infinity, 3, 2]), values(TF.FLOAT, [0, 0, 2, -1])]),
    of('Xlogy', [values(TF.FLOAT, [0, 1, 2]), values(TF.FLOAT, [0, 2, 0.5])]),
    ...['Maximum', 'Minimum', 'Less', 'GreaterEqual', 'AddV2'].map((op) =>
      of(op, [values(TF.FLOAT, [NaN, 1, NaN, 5]), values(TF.FLOAT, [2, NaN, NaN, 4])]),
    ),
    of('Pow', [positive(3, 4), f(4)]),
    of('Pow', [ints(2, -3, 0, 5), ints(3, 3, 0, 2)]),
    ...['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'].map((op) => of(op, [int(5), int(5)])),
    ...['Equal', 'NotEqual'].flatMap((op) => [
      of(op, [count(3, 4), count(4)]),
      of(op, [bool(5), bool(5)]),
      of(op, [values(TF.FLOAT, [NaN, 0, 1]), values(TF.FLOAT, [NaN, -0, 1])]),
    ]),
    ...['LogicalAnd', 'LogicalOr'].map((op) => ({
      op,
      inputs: [bool(3, 1), bool(4)],
      attributes: [],
      outputs: 1,
    })),
    of('AddN', [f(2, 3), f(2, 3), f(2, 3)], [whole('N', 3)]),
    of('ClipByValue', [f(6), values(TF.FLOAT, [-1], []), values(TF.FLOAT, [1.5], [])]),
    { ...of('SelectV2', [bool(3, 1), f(1, 4), f(3, 4)]), attributes: [type('T', TF.FLOAT)] },
    { ...of('Select', [bool(3), f(3, 4), f(3, 4)]), attributes: [type('T', TF.FLOAT)] },
    { ...of('Select', [bool(3, 4), f(3, 4), f(3, 4)]), attributes: [type('T', TF.FLOAT)] },
  ];
}

function gradients(): OpCase[] {
  const two =
    'EluGrad ReluGrad Relu6Grad SeluGrad SigmoidGrad SoftplusGrad SoftsignGrad TanhGrad ReciprocalGrad';
  return [
    ...two.split(' ').map((op) => of(op, [f(3, 4), f(3, 4)])),
    ...['RsqrtGrad', 'SqrtGrad'].map((op) => of(op, [positive(5), f(5)])),
    of('LeakyReluGrad', [f(5), f(5)], [real('alpha', 0.1)]),
  ];
}

function shapes(): OpCase[] {
  const index = (name: string) => type(name, TF.INT32);
  const strided = (
    shape: number[],
    [begin, end, strides]: [number[], number[], number[]],
    masks: Record<string, number> = {},
  ): OpCase => {
    const all = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'];
    const attributes = [index('Index'), ...all.map((name) => whole(name, masks[name] ?? 0))];
    return of('StridedSlice', [f(...shape), known(...begin), known(...end), known(...strides)], attributes);
  };
  return [
    of('Reshape', [f(2, 6), known(3, -1)], [index('Tshape')]),
    of('Reshape', [f(1), known()], [index('Tshape')]),
    of('Reshape', [int(4), known(2, 2)], [index('Tshape')]),
    of('Transpose', [f(2, 3, 4), known(2, 0, 1)], [index('Tperm')]),
    of('Transpose', [bool(2, 3), known(1, 0)], [index('Tperm')]),
    of('ExpandDims', [f(2, 3), knownScalar(1)], [index('Tdim')]),
    of('ExpandDims', [f(2, 3), knownScalar(-1)], [index('Tdim')]),
    of('Squeeze', [f(1, 3, 1)], [whole('squeeze_dims', [])]),
    of('Squeeze', [f(1, 3, 1)], [whole('squeeze_dims', [-1])]),
    of('Slice', [f(4, 5), known(1, 2), known(2, -1)], [index('Index')]),
    of('Slice', [f(4, 5), known(1, 2), known(0, 3)], [index('Index')]),
    strided(
      [5, 6],
      [
        [1, 2],
        [4, 6],
        [2, 3],
      ],
    ),
    strided(
      [5, 6],
      [
        [-1, 0],
        [0, -1],
        [-2, 1],
      ],
    ),
    strided(
      [5, 6],
      [
        [0, 5],
        [0, 0],
        [1, -2],
      ],
      { begin_mask: 1, end_mask: 3 },
    ),
    strided(
      [5, 6],
      [
        [2, 0],
        [3, 6],
        [1, 1],
      ],
      { shrink_axis_mask: 1 },
    ),
    strided(
      [5, 6],
      [
        [0, 0, 1],
        [0, 0, 3],
        [1, 1, 1],
      ],
      { new_axis_mask: 1, begin_mask: 2, end_mask: 2 },
    ),
    strided(
      [2, 3, 4],
      [
        [0, -1],
        [0, 0],
        [1, 1],
      ],
      { ellipsis_mask: 1, shrink_axis_mask: 2 },
    ),
    strided([5], [[3], [3], [1]]),
    strided([5], [[9], [-9], [-3]]),
    ...[
      [[1], [5], [2], [2]],
      [[4], [0], [-3], [2]],
      [[0], [5], [1], [5]],
    ]
      .map(([begin, end, strides, result]) =>
        of(
          'StridedSliceGrad',
          [known(5), known(...begin!), known(...end!), known(...strides!), f(...result!)],
          [index('Index')],
        ),
      )
      .map((one) => ({ ...one, attributes: [type('T', TF.FLOAT), index('Index')] })),
    of('ConcatV2', [f(2, 3), f(2, 1), knownScalar(1)], [whole('N', 2), index('Tidx')]),
    of('ConcatV2', [f(2, 3), f(4, 3), f(0, 3), knownScalar(-2)], [whole('N', 3), index('Tidx')]),
    of('Pack', [f(2, 3), f(2, 3)], [whole('N', 2), whole('axis', 1)]),
    of('Pack', [f(), f()], [whole('N', 2), whole('axis', 0)]),
    of('Unpack', [f(2, 3)], [whole('num', 3), whole('axis', -1)], 3),
    {
      op: 'Split',
      inputs: [knownScalar(1), f(2, 6)],
      attributes: [type('T', TF.FLOAT), whole('num_split', 3)],
      outputs: 3,
    },
    of('SplitV', [f(2, 6), known(1, -1, 2), knownScalar(1)], [index('Tlen'), whole('num_split', 3)], 3),
    of('Tile', [f(2, 3), known(2, 3)], [index('Tmultiples')]),
    of('Tile', [int(1, 2), known(3, 1)], [index('Tmultiples')]),
    of('Pad', [f(2, 3), { ...known(1, 0, 2, 1), shape: [2, 2] }], [index('Tpaddings')]),
    of(
      'PadV2',
      [f(2, 3), { ...known(0, 1, 2, 0), shape: [2, 2] }, values(TF.FLOAT, [5], [])],
      [index('Tpaddings')],
    ),
    of('ReverseV2', [f(2, 3), known(1)], [index('Tidx')]),
    of('BroadcastTo', [f(3, 1), known(2, 3, 4)], [index('Tidx')]),
    {
      op: 'Fill',
      inputs: [known(2, 3), values(TF.FLOAT, [2.5], [])],
      attributes: [type('T', TF.FLOAT), type('index_type', TF.INT32)],
      outputs: 1,
    },
  ];
}

function reductions(): OpCase[] {
  const keep = (value: boolean) => [flag('keep_dims', value), type('Tidx', TF.INT32)];
  const ops = ['Sum', 'Mean', 'Max', 'Min', 'Prod'];
  return [
    ...ops.flatMap((op) => [
      of(op, [f(2, 3, 4), known(1)], keep(false)),
      of(op, [f(2, 3, 4), known(0, -1)], keep(true)),
      of(op, [f(2, 3), known(0, 1)], keep(false)),
      of(op, [int(2, 3), known(1)], keep(false)),
      of(op, [f(0, 3), known(0)], keep(false)),
      of(op, [f(3), known()], keep(false)),
    ]),
    ...['Max', 'Min', 'Sum', 'Prod', 'Mean'].flatMap((op) =>
      [
        [1, NaN, 3],
        [NaN],
        [-Infinity, Infinity],
        Array.from({ length: 40 }, (_, i) => (i === 20 ? NaN : i)),
      ].map((list) => of(op, [values(TF.FLOAT, list), known(0)], keep(false))),
    ),
    ...['All', 'Any'].flatMap((op) =>
      [bool(3, 4), bool(0, 2)].map((input) => ({
        op,
        inputs: [input, known(0)],
        attributes: keep(false),
        outputs: 1,
      })),
    ),
    ...['ArgMax', 'ArgMin'].flatMap((op) =>
      [f(3, 4), count(6, 2), values(TF.FLOAT, [2, 5, 5, 1, 1], [1, 5]), edges].map((input) =>
        of(
          op,
          [input, knownScalar(input.shape.length - 1)],
          [type('Tidx', TF.INT32), type('output_type', TF.INT32)],
        ),
      ),
    ),
    ...['Cumsum', 'Cumprod'].flatMap((op) =>
      [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ].map(([exclusive, reverse]) =>
        of(
          op,
          [f(3, 4), knownScalar(1)],
          [flag('exclusive', exclusive!), flag('reverse', reverse!), type('Tidx', TF.INT32)],
        ),
      ),
    ),
  ];
}

function matrices(): OpCase[] {
  const product = (a: number[], b: number[], left: boolean, right: boolean) =>
    of('MatMul', [f(...a), f(...b)], [flag('transpose_a', left), flag('transpose_b', right)]);
  const batched = (a: number[], b: number[], left = false, right = false) =>
    of('BatchMatMulV2', [f(...a), f(...b)], [flag('adj_x', left), flag('adj_y', right)]);
  return [
    product([2, 3], [3, 4], false, false),
    product([3, 2], [3, 4], true, false),
    product([2, 3], [4, 3], false, true),
    product([3, 2], [4, 3], true, true),
    product([2, 0], [0, 3], false, false),
    of('MatMul', [int(2, 3), int(3, 2)], [flag('transpose_a', false), flag('transpose_b', false)]),
    batched([2, 3, 4], [2, 4, 5]),
    batched([2, 4, 3], [4, 5], true),
    batched([3, 1, 2, 4], [2, 5, 4], false, true),
    of('BiasAdd', [f(2, 3, 4), f(4)], [text('data_format', 'NHWC')]),
    of('BiasAddGrad', [f(2, 3, 4)], [text('data_format', 'NHWC')]),
    of('Softmax', [f(3, 5)]),
    of('Softmax', [values(TF.FLOAT, [1000, 0, -1000, 5, 5, 5], [2, 3])]),
    of('LogSoftmax', [values(TF.FLOAT, [1000, 0, -1000, 5, 5, 5], [2, 3])]),
    of('SoftmaxCrossEntropyWithLogits', [f(2, 3), values(TF.FLOAT, [1, 0, 0, 0.2, 0.3, 0.5], [2, 3])], [], 2),
    of(
      'SoftmaxCrossEntropyWithLogits',
      [values(TF.FLOAT, [1000, -1000, 0], [1, 3]), values(TF.FLOAT, [1, 0, 0], [1, 3])],
      [],
      2,
    ),
    of('SparseSoftmaxCrossEntropyWithLogits', [f(3, 4), ints(0, 3, 1)], [type('Tlabels', TF.INT32)], 2),
  ];
}

function indexing(): OpCase[] {
  const gather = (params: CaseInput, indices: CaseInput, axis: number, batch = 0): OpCase => ({
    op: 'GatherV2',
    inputs: [params, indices, knownScalar(axis)],
    attributes: [
      type('Tparams', params.dtype),
      type('Tindices', TF.INT32),
      type('Taxis', TF.INT32),
      whole('batch_dims', batch),
    ],
    outputs: 1,
  });
  const oneHot = (indices: CaseInput, axis: number, on: CaseInput, off: CaseInput): OpCase => ({
    op: 'OneHot',
    inputs: [indices, knownScalar(4), on, off],
    attributes: [type('T', on.dtype), type('TI', TF.INT32), whole('axis', axis)],
    outputs: 1,
  });
  const [on, off] = [values(TF.FLOAT, [2], []), values(TF.FLOAT, [-1], [])];
  const places = { ...ints(0, 2, 1, 1), shape: [2, 2] };
  return [
    gather(f(4, 3), ints(3, 0, 0), 0),
    gather(f(4, 3), places, 0),
    gather(f(2, 3, 4), places, 1),
    gather(f(2, 3, 4), ints(3), -1),
    gather(f(4, 3), values(TF.INT32, [2], []), 0),
    gather(f(2, 3), places, 1, 1),
    gather(f(2, 3, 5), places, 1, 1),
    gather(f(2, 5, 3), places, 2, 1),
    gather(int(4), values(TF.INT32, [], [0]), 0),
    gather(bool(4), ints(1, 3), 0),
    oneHot(ints(0, 3, -1, 4), -1, on, off),
    oneHot(places, 0, on, off),
    oneHot(places, 1, values(TF.BOOL, [1], []), values(TF.BOOL, [0], [])),
    {
      op: 'Range',
      inputs: [knownScalar(3), knownScalar(14), knownScalar(4)],
      attributes: [type('Tidx', TF.INT32)],
      outputs: 1,
    },
    {
      op: 'UnsortedSegmentSum',
      inputs: [f(4, 2), ints(2, 0, 2, -1), knownScalar(3)],
      attributes: [type('T', TF.FLOAT), type('Tindices', TF.INT32), type('Tnumsegments', TF.INT32)],
      outputs: 1,
    },
  ];
}

function randomNumbers(): OpCase[] {
  const key = make(TF.UINT64, [1], () => 77);
  const counter = make(TF.UINT64, [2], (i) => 3 * i);
  const stream = [key, counter, knownScalar(1)];
  return [
    ...[[7], [3, 5], [2, 3, 4], [130, 9], [0, 3]].map((shape) => ({
      op: 'StatelessRandomUniformV2',
      inputs: [known(...shape), ...stream],
      attributes: [type('dtype', TF.FLOAT), type('Tshape', TF.INT32)],
      outputs: 1,
    })),
    ...[TF.UINT32, TF.INT32].map((dtype) => ({
      op: 'StatelessRandomUniformFullIntV2',
      inputs: [known(4, 3), ...stream],
      attributes: [type('dtype', dtype), type('Tshape', TF.INT32)],
      outputs: 1,
    })),
    {
      op: 'StatelessRandomUniformIntV2',
      inputs: [known(50), ...stream, values(TF.INT32, [-7], []), values(TF.INT32, [12], [])],
      attributes: [type('dtype', TF.INT32), type('Tshape', TF.INT32)],
      outputs: 1,
    },
  ];
}

/** Cases by family. */
export const OP_CASES: Record<string, OpCase[]> = {
  'elementwise ops of one value': unary(),
  'elementwise ops of two values, with broadcasting': binary(),
  'gradients of elementwise ops': gradients(),
  'ops that move elements': shapes(),
  reductions: reductions(),
  'products of matrices, softmax and losses': matrices(),
  'ops with indices': indexing(),
  'random numbers': randomNumbers(),
};

// Ops with inputs and attributes, for comparing the rules in StableHLO with TensorFlow's engine.
import { TF } from '../../src/engines/dtypes.ts';
import {
  bool,
  count,
  edges,
  f,
  flag,
  int,
  ints,
  long,
  make,
  of,
  positive,
  real,
  small,
  type,
  values,
  whole,
  type CaseInput,
  type OpCase,
} from './op-inputs.ts';
import { indexing, matrices, randomNumbers, reductions, shapes } from './tensor-cases.ts';

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
      [make(TF.UINT8, [4], (i) => 70 * i), TF.FLOAT],
      [make(TF.UINT8, [4], (i) => 70 * i), TF.INT32],
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
    ...['AddV2', 'Mul', 'FloorDiv', 'Less'].map((op) =>
      of(op, [long(5), values(TF.INT64, [3, -5, 7, -9, 11])]),
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

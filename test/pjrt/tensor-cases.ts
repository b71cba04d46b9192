// Cases of ops that combine elements of different places: shapes, reductions, products, indices, random numbers.
import { TF } from '../../src/engines/dtypes.ts';
import {
  bool,
  count,
  edges,
  f,
  flag,
  int,
  ints,
  known,
  knownScalar,
  long,
  make,
  of,
  text,
  type,
  values,
  whole,
  type CaseInput,
  type OpCase,
} from './op-inputs.ts';
export function shapes(): OpCase[] {
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

export function reductions(): OpCase[] {
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
    ...['Max', 'Min', 'Sum'].map((op) =>
      of(
        op,
        [long(2, 3), { ...known(1), dtype: TF.INT64 }],
        [flag('keep_dims', false), type('Tidx', TF.INT64)],
      ),
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

export function matrices(): OpCase[] {
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

export function indexing(): OpCase[] {
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

export function randomNumbers(): OpCase[] {
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

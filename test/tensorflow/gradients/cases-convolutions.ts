import { make, sq } from './builders.ts';
import type { GradientCase } from './case.ts';

/** Convolutions and pools. */

const quoted = (pad: unknown) => (typeof pad === 'string' ? `"${pad.toUpperCase()}"` : JSON.stringify(pad));
const spatial = (pad: number) => [
  [0, 0],
  [pad, pad],
  [pad, pad],
  [0, 0],
];
/** The same, of images whose channels come first. */
const chw = (python: string) => `chw(lambda a: ${python}, a)`;

type Conv = [
  name: string,
  strides: number | number[],
  pad: unknown,
  dilations: number | number[],
  format?: string,
];
const explicit = [
  [0, 0],
  [1, 2],
  [0, 1],
  [0, 0],
];
const kinds: Conv[] = [
  ['same', 1, 'same', 1],
  ['valid', 1, 'valid', 1],
  ['same, strides 2', 2, 'same', 1],
  ['valid, strides 2 and 1', [2, 1], 'valid', 1],
  ['padding 1', 1, 1, 1],
  ['padding 2, strides 2', 2, 2, 1],
  ['explicit paddings', 1, explicit, 1],
  ['explicit paddings, strides 2', 2, explicit, 1],
  ['same, dilations 2', 1, 'same', 2],
  ['valid, dilations 2 and 1', 1, 'valid', [2, 1]],
  ['valid, dilations 1 and 3', 1, 'valid', [1, 3]],
  ['padding 1, dilations 2', 1, 1, 2],
  ['explicit paddings, dilations 2', 1, explicit, 2],
];
const pair = (value: number | number[]) => (typeof value === 'number' ? [value, value] : value);
const windows = kinds.flatMap(([name, strides, pad, dilations]) => {
  const padding = quoted(typeof pad === 'number' ? spatial(pad) : pad);
  const first = Array.isArray(pad) ? [pad[0], pad[3], pad[1], pad[2]] : pad;
  const [plain, deep] = [
    `convolve(a, b, ${JSON.stringify(pair(strides))}, ${padding}, ${JSON.stringify(pair(dilations))})`,
    `depthwise(a, b, ${JSON.stringify(pair(strides))}, ${padding}, ${JSON.stringify(pair(dilations))})`,
  ];
  return [
    sq(
      'conv2d',
      name,
      [
        [1, 5, 6, 2],
        [2, 2, 2, 2],
      ],
      (tf, a, b) => tf.conv2d(a, b, strides, pad, 'NHWC', dilations),
      plain,
    ),
    sq(
      'conv2d',
      `${name}, channels first`,
      [
        [1, 2, 5, 6],
        [2, 2, 2, 2],
      ],
      (tf, a, b) => tf.conv2d(a, b, strides, first, 'NCHW', dilations),
      chw(plain),
    ),
    ...(Array.isArray(strides)
      ? []
      : [
          sq(
            'depthwiseConv2d',
            name,
            [
              [1, 5, 6, 2],
              [2, 2, 2, 2],
            ],
            (tf, a, b) => tf.depthwiseConv2d(a, b, strides, pad, 'NHWC', dilations),
            deep,
          ),
          sq(
            'depthwiseConv2d',
            `${name}, channels first`,
            [
              [1, 2, 5, 6],
              [2, 2, 2, 1],
            ],
            (tf, a, b) => tf.depthwiseConv2d(a, b, strides, first, 'NCHW', dilations),
            chw(deep),
          ),
        ]),
  ];
});

const conv3d = (
  [
    ['same', 1, 'same', 1],
    ['valid, strides 2', 2, 'valid', 1],
    ['same, strides 2', 2, 'same', 1],
    ['same, dilations 2', 1, 'same', 2],
    ['valid, dilations 1, 2 and 1', 1, 'valid', [1, 2, 1]],
  ] as const
).map(([name, strides, pad, dilations]) =>
  sq(
    'conv3d',
    name,
    [
      [1, 3, 4, 3, 1],
      [2, 2, 2, 1, 2],
    ],
    (tf, a, b) => tf.conv3d(a, b, strides, pad, 'NDHWC', dilations),
    `conv3d(a, b, ${strides}, ${quoted(pad)}, ${JSON.stringify(dilations)})`,
  ),
);

const convolutions: GradientCase[] = [
  ...windows,
  ...conv3d,
  sq(
    'conv1d',
    'same, stride 2',
    [
      [1, 5, 2],
      [3, 2, 2],
    ],
    (tf, a, b) => tf.conv1d(a, b, 2, 'same'),
    'tf.nn.conv1d(a, b, 2, "SAME")',
  ),
  sq(
    'conv1d',
    'padding 1',
    [
      [1, 5, 2],
      [3, 2, 2],
    ],
    (tf, a, b) => tf.conv1d(a, b, 1, 1),
    'tf.nn.conv1d(tf.pad(a, [[0, 0], [1, 1], [0, 0]]), b, 1, "VALID")',
  ),
  sq(
    'conv1d',
    'valid, dilation 2',
    [
      [2, 6, 2],
      [2, 2, 2],
    ],
    (tf, a, b) => tf.conv1d(a, b, 1, 'valid', 'NWC', 2),
    'tf.nn.conv1d(a, b, 1, "VALID", dilations=2)',
  ),
  sq(
    'conv1d',
    'same, dilation 3',
    [
      [1, 6, 1],
      [3, 1, 2],
    ],
    (tf, a, b) => tf.conv1d(a, b, 1, 'same', 'NWC', 3),
    'tf.nn.conv1d(a, b, 1, "SAME", dilations=3)',
  ),
  sq(
    'conv2d',
    'a padding below 0',
    [
      [1, 5, 5, 1],
      [2, 2, 1, 2],
    ],
    (tf, a, b) => tf.conv2d(a, b, 1, -1),
    'tf.nn.conv2d(a[:, 1:-1, 1:-1], b, 1, "VALID")',
  ),
  ...(['same', 'valid'] as const).flatMap((pad) =>
    [1, 2].map((stride) => {
      const size = pad === 'same' ? 3 * stride : 2 * stride + 2;
      return sq(
        'conv2dTranspose',
        `${pad}, stride ${stride}`,
        [
          [1, 3, 3, 2],
          [2, 2, 1, 2],
        ],
        (tf, a, b) => tf.conv2dTranspose(a, b, [1, size, size, 1], stride, pad),
        `tf.nn.conv2d_transpose(a, b, [1, ${size}, ${size}, 1], ${stride}, "${pad.toUpperCase()}")`,
      );
    }),
  ),
  sq(
    'conv3dTranspose',
    'same, stride 2',
    [
      [1, 2, 2, 2, 1],
      [2, 2, 2, 1, 1],
    ],
    (tf, a, b) => tf.conv3dTranspose(a, b, [1, 4, 4, 4, 1], 2, 'same'),
    'tf.nn.conv3d_transpose(a, b, [1, 4, 4, 4, 1], 2, "SAME")',
  ),
  sq(
    'separableConv2d',
    '',
    [
      [1, 4, 4, 2],
      [2, 2, 2, 1],
      [1, 1, 2, 3],
    ],
    (tf, a, b, c) => tf.separableConv2d(a, b, c, 1, 'same'),
    'tf.nn.separable_conv2d(a, b, c, [1, 1, 1, 1], "SAME")',
  ),
  sq(
    'separableConv2d',
    'dilations 2',
    [
      [1, 4, 4, 2],
      [2, 2, 2, 1],
      [1, 1, 2, 3],
    ],
    (tf, a, b, c) => tf.separableConv2d(a, b, c, 1, 'same', 2),
    'tf.nn.separable_conv2d(a, b, c, [1, 1, 1, 1], "SAME", dilations=[2, 2])',
  ),
  ...(
    [
      ['same', 1, 'same', 1],
      ['valid, strides 2', 2, 'valid', 1],
      ['same, dilations 2', 1, 'same', 2],
    ] as const
  ).map(([name, strides, pad, rates]) => ({
    step: 2 ** -10,
    tolerance: 1e-2,
    ...make(
      'dilation2d',
      name,
      [
        [1, 5, 4, 2],
        [2, 2, 2],
      ],
      (tf, a, b) => tf.dilation2d(a, b, strides, pad, rates),
      `tf.nn.dilation2d(a, b, [1, ${strides}, ${strides}, 1], ${quoted(pad)}, "NHWC", [1, ${rates}, ${rates}, 1])`,
    ),
  })),
  sq(
    'fused.conv2d',
    'bias and activation',
    [[1, 4, 4, 2], [2, 2, 2, 2], [2]],
    (tf, x, filter, bias) =>
      tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', bias, activation: 'sigmoid' }),
    'tf.sigmoid(tf.nn.conv2d(a, b, 1, "SAME") + c)',
  ),
  sq(
    'fused.depthwiseConv2d',
    'bias and activation',
    [[1, 4, 4, 2], [2, 2, 2, 1], [2]],
    (tf, x, filter, bias) =>
      tf.fused.depthwiseConv2d({ x, filter, strides: 1, pad: 'same', bias, activation: 'elu' }),
    'tf.nn.elu(tf.nn.depthwise_conv2d(a, b, [1, 1, 1, 1], "SAME") + c)',
  ),
  sq(
    'fused.matMul',
    'bias and activation',
    [[2, 3], [3, 2], [2]],
    (tf, a, b, bias) => tf.fused.matMul({ a, b, bias, activation: 'relu' }),
    'tf.nn.relu(tf.matmul(a, b) + c)',
  ),
];

const pools: GradientCase[] = (['avg', 'max'] as const).flatMap((kind) =>
  [
    ...(
      [
        ['valid', 2, 2, 'valid'],
        ['same, overlapping', 3, 2, 'same'],
        ['same, strides 1', 2, 1, 'same'],
      ] as const
    ).flatMap(([name, size, strides, pad]) => [
      sq(
        `${kind}Pool`,
        name,
        [[2, 5, 5, 2]],
        (tf, a) => tf[`${kind}Pool`](a, size, strides, pad),
        `tf.nn.${kind}_pool2d(a, ${size}, ${strides}, ${quoted(pad)})`,
      ),
      sq(
        `${kind}Pool3d`,
        name,
        [[1, 3, 4, 3, 1]],
        (tf, a) => tf[`${kind}Pool3d`](a, size, strides, pad),
        `tf.nn.${kind}_pool3d(a, ${size}, ${strides}, ${quoted(pad)})`,
      ),
    ]),
    sq(`${kind}Pool`, 'padding 1', [[1, 4, 4, 1]], (tf, a) => tf[`${kind}Pool`](a, 3, 2, 1, 'floor')),
    sq(`${kind}Pool3d`, 'padding 1', [[1, 3, 3, 3, 1]], (tf, a) => tf[`${kind}Pool3d`](a, 2, 2, 1, 'floor')),
    sq(
      `${kind}Pool`,
      'a padding below 0',
      [[1, 5, 5, 1]],
      (tf, a) => tf[`${kind}Pool`](a, 2, 1, -1),
      `tf.nn.${kind}_pool2d(a[:, 1:-1, 1:-1], 2, 1, "VALID")`,
    ),
    sq(
      'pool',
      `${kind}, dilations 2`,
      [[1, 5, 5, 1]],
      (tf, a) => tf.pool(a, 2, kind, 'valid', 2, 1),
      `tf.nn.pool(a, [2, 2], "${kind.toUpperCase()}", dilations=[2, 2], padding="VALID")`,
    ),
  ].map((one) => ({ ...one, spread: kind === 'max' })),
);

export const convolutionCases: GradientCase[] = [...convolutions, ...pools];

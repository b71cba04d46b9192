/**
 * The names and layouts of a layer's weights in PyTorch (torch.nn: the "Variables" of each module's page).
 */
import type { layers, Tensor } from '@tensorflow/tfjs';
import { theTf } from '../../tfjs/current.ts';
import { StateDictError } from './errors.ts';
import { flattenedPicture } from './flattened.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

type Layer = layers.Layer;

/** PyTorch's parameters of one module, by their names below it. */
export type Parameters = Readonly<Record<string, Tensor>>;

export interface Counterpart {
  /** The class in torch.nn. */
  readonly module: string;
  /** Names of the parameters, with their shapes. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** The layer's weights, in its own order. */
  readonly fromTorch: (parameters: Parameters) => Tensor[];
  readonly toTorch: (weights: readonly Tensor[]) => Record<string, Tensor>;
}

function shapeOf(weights: readonly { shape: readonly (number | null)[] }[], index: number): number[] {
  return [...((weights[index]?.shape ?? []) as readonly number[])];
}

function pick(parameters: Parameters, name: string): Tensor {
  return parameters[name] as Tensor;
}

/** A kernel whose axes are permuted, and a bias that is the same. */
function kernelAndBias(
  layer: Layer,
  module: string,
  toTorch: (kernel: Tensor) => Tensor,
  fromTorch: (weight: Tensor) => Tensor,
  torchShape: (kernel: number[]) => number[],
): Counterpart {
  const bias = layer.weights.length > 1;
  return {
    module,
    shapes: {
      weight: torchShape(shapeOf(layer.weights, 0)),
      ...(bias ? { bias: shapeOf(layer.weights, 1) } : {}),
    },
    fromTorch: (parameters) => [
      fromTorch(pick(parameters, 'weight')),
      ...(bias ? [pick(parameters, 'bias')] : []),
    ],
    toTorch: ([kernel, own]) => ({
      weight: toTorch(kernel as Tensor),
      ...(bias ? { bias: own as Tensor } : {}),
    }),
  };
}

/** The axes that bring channels from last to first, and back. */
function channelAxes(rank: number): { toFirst: number[]; toLast: number[] } {
  const inner = Array.from({ length: rank - 1 }, (_, i) => i);
  return { toFirst: [rank - 1, ...inner], toLast: [...inner.map((i) => i + 1), 0] };
}

function dense(layer: Layer): Counterpart {
  const picture = flattenedPicture(layer);
  const [inputs = 0, units = 0] = shapeOf(layer.weights, 0);
  if (picture === undefined || inputs !== elementCount(picture)) {
    const transpose = (kernel: Tensor) => kernel.transpose();
    return kernelAndBias(layer, 'Linear', transpose, transpose, ([a = 0, b = 0]) => [b, a]);
  }
  const { toFirst, toLast } = channelAxes(picture.length);
  const first = toFirst.map((axis) => picture[axis] as number);
  const later = (axes: number[]) => axes.map((axis) => axis + 1);
  return kernelAndBias(
    layer,
    'Linear',
    (kernel) =>
      kernel
        .transpose()
        .reshape([units, ...picture])
        .transpose([0, ...later(toFirst)])
        .reshape([units, inputs]),
    (weight) =>
      weight
        .reshape([units, ...first])
        .transpose([0, ...later(toLast)])
        .reshape([units, inputs])
        .transpose(),
    ([a = 0, b = 0]) => [b, a],
  );
}

/** Convolutions: [...window, in, out] here, [out, in, ...window] there. */
function convolution(layer: Layer, module: string): Counterpart {
  const rank = layer.weights[0]?.shape.length ?? 0;
  const window = Array.from({ length: rank - 2 }, (_, i) => i);
  const toTorch = [rank - 1, rank - 2, ...window];
  const fromTorch = [...window.map((i) => i + 2), 1, 0];
  return kernelAndBias(
    layer,
    module,
    (kernel) => kernel.transpose(toTorch),
    (weight) => weight.transpose(fromTorch),
    (shape) => toTorch.map((axis) => shape[axis] as number),
  );
}

/** [...window, out, in] here, [in, out, ...window] there: the same permutation, of another meaning. */
function transposedConvolution(layer: Layer): Counterpart {
  return convolution(layer, 'ConvTranspose2d');
}

/** [height, width, channels, multiplier] here, [channels · multiplier, 1, height, width] there. */
function depthwiseConvolution(layer: Layer): Counterpart {
  const [height = 0, width = 0, channels = 0, multiplier = 0] = shapeOf(layer.weights, 0);
  return kernelAndBias(
    layer,
    'Conv2d with groups = in_channels',
    (kernel) => kernel.transpose([2, 3, 0, 1]).reshape([channels * multiplier, 1, height, width]),
    (weight) => weight.reshape([channels, multiplier, height, width]).transpose([2, 3, 0, 1]),
    () => [channels * multiplier, 1, height, width],
  );
}

function normalization(layer: Layer, module: string, names: [string, string][]): Counterpart {
  // As the layer has them: scale and center may be off.
  const own = layer.weights.map((weight) => (weight.originalName ?? weight.name).split('/').at(-1) as string);
  const torchName = (name: string) => names.find(([start]) => name.startsWith(start))?.[1] ?? name;
  const picture = flattenedPicture(layer);
  const { toFirst, toLast } = channelAxes(picture?.length ?? 1);
  const permute = (values: Tensor, shape: number[], axes: number[]) =>
    picture === undefined ? values : values.reshape(shape).transpose(axes).reshape(values.shape);
  const first = toFirst.map((axis) => picture?.[axis] ?? 0);
  return {
    module,
    shapes: Object.fromEntries(own.map((name, i) => [torchName(name), shapeOf(layer.weights, i)])),
    fromTorch: (parameters) => own.map((name) => permute(pick(parameters, torchName(name)), first, toLast)),
    toTorch: (weights) =>
      Object.fromEntries(
        own.map((name, i) => [torchName(name), permute(weights[i] as Tensor, picture ?? [], toFirst)]),
      ),
  };
}

/** Gates per cell, by class; PyTorch's order of GRU's is reset, update, new, and tfjs's update, reset, new. */
const GATES: Record<string, number> = { SimpleRNN: 1, LSTM: 4, GRU: 3 };
const MODULES: Record<string, string> = { SimpleRNN: 'RNN', LSTM: 'LSTM', GRU: 'GRU' };

/** Swaps GRU's first two gates along the last axis; other cells agree. */
function swapGates(values: Tensor, className: string): Tensor {
  if (className !== 'GRU') return values;
  const tf = theTf();
  const axis = values.rank - 1;
  const [a, b, c] = tf.split(values, 3, axis) as [Tensor, Tensor, Tensor];
  return tf.concat([b, a, c], axis);
}

/** One direction of a recurrent layer; `suffix` is `_reverse` for the other. */
function recurrent(
  className: string,
  config: Record<string, unknown>,
  weights: readonly { shape: readonly (number | null)[] }[],
  layer: string,
  suffix = '',
): Counterpart {
  const wrong = (what: string) =>
    new StateDictError('unsupported-layer', `layer ${layer}: PyTorch's ${MODULES[className]} ${what}`);
  if (className !== 'SimpleRNN' && config['recurrentActivation'] !== 'sigmoid') {
    throw wrong(
      `has sigmoid gates, and this layer ${String(config['recurrentActivation'])}: create it with recurrentActivation: 'sigmoid'`,
    );
  }
  if (config['activation'] !== 'tanh' && !(className === 'SimpleRNN' && config['activation'] === 'relu')) {
    throw wrong(`computes with tanh, and this layer with ${String(config['activation'])}`);
  }
  if (className === 'GRU' && config['resetAfter'] !== true) {
    throw wrong('applies the reset gate after the product: create the layer with resetAfter: true');
  }
  const [inputs = 0, width = 0] = shapeOf(weights, 0);
  const units = width / (GATES[className] ?? 1);
  const bias = weights.length > 2;
  const name = (kind: string) => `${kind}_l0${suffix}`;
  const tf = theTf();
  const kernel = (values: Tensor) => swapGates(values, className).transpose();
  const fromKernel = (values: Tensor) => swapGates(values.transpose(), className);
  return {
    module: MODULES[className] as string,
    shapes: {
      [name('weight_ih')]: [width, inputs],
      [name('weight_hh')]: [width, units],
      ...(bias ? { [name('bias_ih')]: [width], [name('bias_hh')]: [width] } : {}),
    },
    fromTorch(parameters) {
      const kernels = [
        fromKernel(pick(parameters, name('weight_ih'))),
        fromKernel(pick(parameters, name('weight_hh'))),
      ];
      if (!bias) return kernels;
      const input = swapGates(pick(parameters, name('bias_ih')), className);
      const own = swapGates(pick(parameters, name('bias_hh')), className);
      // PyTorch adds two biases where one does: only a GRU's second one is within its reset gate.
      return [...kernels, className === 'GRU' ? tf.stack([input, own]) : input.add(own)];
    },
    toTorch(values) {
      const [input, own, both] = values as [Tensor, Tensor, Tensor];
      const result: Record<string, Tensor> = {
        [name('weight_ih')]: kernel(input),
        [name('weight_hh')]: kernel(own),
      };
      if (!bias) return result;
      const [first, second] =
        className === 'GRU' ? (tf.unstack(both) as [Tensor, Tensor]) : [both, tf.zerosLike(both)];
      result[name('bias_ih')] = swapGates(first, className);
      result[name('bias_hh')] = swapGates(second, className);
      return result;
    },
  };
}

function bidirectional(layer: Layer): Counterpart {
  const inner = layer.getConfig()['layer'] as { className: string; config: Record<string, unknown> };
  if (GATES[inner.className] === undefined) {
    throw new StateDictError(
      'unsupported-layer',
      `layer ${layer.name}: PyTorch has no bidirectional ${inner.className}`,
    );
  }
  const half = layer.weights.length / 2;
  const directions = ['', '_reverse'].map((suffix, i) =>
    recurrent(
      inner.className,
      inner.config,
      layer.weights.slice(i * half, (i + 1) * half),
      layer.name,
      suffix,
    ),
  ) as [Counterpart, Counterpart];
  return {
    module: `${directions[0].module} with bidirectional=True`,
    shapes: { ...directions[0].shapes, ...directions[1].shapes },
    fromTorch: (parameters) => directions.flatMap((direction) => direction.fromTorch(parameters)),
    toTorch: (weights) => ({
      ...directions[0].toTorch(weights.slice(0, half)),
      ...directions[1].toTorch(weights.slice(half)),
    }),
  };
}

/** Kernels [width, heads, size] here; there one matrix [3 · width, width] for query, key and value. */
function attention(layer: Layer): Counterpart {
  const [width = 0, heads = 0, size = 0] = shapeOf(layer.weights, 0);
  const bias = layer.weights.length > 4;
  const valueSize = shapeOf(layer.weights, bias ? 4 : 2)[2] ?? 0;
  const [, , output = 0, ...more] = shapeOf(layer.weights, bias ? 6 : 3);
  if (output !== width || more.length > 0) {
    throw new StateDictError(
      'unsupported-layer',
      `layer ${layer.name}: PyTorch's MultiheadAttention gives the width of its query, ${width}; here outputShape is ${[output, ...more].join(', ')}`,
    );
  }
  if (heads * size !== width || valueSize !== size) {
    throw new StateDictError(
      'unsupported-layer',
      `layer ${layer.name}: PyTorch's MultiheadAttention splits its width, ${width}, among the heads; ` +
        `here ${heads} heads of ${size} and ${valueSize}`,
    );
  }
  const tf = theTf();
  // Weights come as kernel, bias for each of query, key, value, output.
  const step = bias ? 2 : 1;
  return {
    module: 'MultiheadAttention',
    shapes: {
      in_proj_weight: [3 * width, width],
      ...(bias ? { in_proj_bias: [3 * width] } : {}),
      'out_proj.weight': [width, width],
      ...(bias ? { 'out_proj.bias': [width] } : {}),
    },
    fromTorch(parameters) {
      const matrices = tf.split(pick(parameters, 'in_proj_weight'), 3);
      const biases = bias ? tf.split(pick(parameters, 'in_proj_bias'), 3) : [];
      const weights: Tensor[] = [];
      for (let i = 0; i < 3; i++) {
        weights.push((matrices[i] as Tensor).transpose().reshape([width, heads, size]));
        if (bias) weights.push((biases[i] as Tensor).reshape([heads, size]));
      }
      weights.push(pick(parameters, 'out_proj.weight').transpose().reshape([heads, size, width]));
      if (bias) weights.push(pick(parameters, 'out_proj.bias'));
      return weights;
    },
    toTorch(weights) {
      const three = [0, 1, 2].map((i) => weights[i * step] as Tensor);
      return {
        in_proj_weight: tf.concat(three.map((kernel) => kernel.reshape([width, width]).transpose())),
        'out_proj.weight': (weights[3 * step] as Tensor).reshape([width, width]).transpose(),
        ...(bias
          ? {
              in_proj_bias: tf.concat([1, 3, 5].map((i) => (weights[i] as Tensor).reshape([width]))),
              'out_proj.bias': weights[7] as Tensor,
            }
          : {}),
      };
    },
  };
}

const BATCH_NORM: [string, string][] = [
  ['gamma', 'weight'],
  ['beta', 'bias'],
  ['moving_mean', 'running_mean'],
  ['moving_variance', 'running_var'],
];

/**
 * How a layer's weights lie in PyTorch; undefined for layers without weights.
 *
 * @throws StateDictError naming the layer, when PyTorch has none that computes the same.
 */
export function counterpartOf(layer: Layer): Counterpart | undefined {
  if (layer.weights.length === 0) return undefined;
  const className = layer.getClassName();
  switch (className) {
    case 'Dense':
      return dense(layer);
    case 'Conv1D':
      return convolution(layer, 'Conv1d');
    case 'Conv2D':
      return convolution(layer, 'Conv2d');
    case 'Conv3D':
      return convolution(layer, 'Conv3d');
    case 'Conv2DTranspose':
      return transposedConvolution(layer);
    case 'DepthwiseConv2D':
      return depthwiseConvolution(layer);
    case 'BatchNormalization':
      return normalization(layer, 'BatchNorm', BATCH_NORM);
    case 'LayerNormalization':
      return normalization(layer, 'LayerNorm', BATCH_NORM.slice(0, 2));
    case 'Embedding':
      return {
        module: 'Embedding',
        shapes: { weight: shapeOf(layer.weights, 0) },
        fromTorch: (parameters) => [pick(parameters, 'weight')],
        toTorch: ([weight]) => ({ weight: weight as Tensor }),
      };
    case 'SimpleRNN':
    case 'LSTM':
    case 'GRU':
      return recurrent(className, layer.getConfig(), layer.weights, layer.name);
    case 'Bidirectional':
      return bidirectional(layer);
    case 'MultiHeadAttention':
      return attention(layer);
    default:
      throw new StateDictError(
        'unsupported-layer',
        `layer ${layer.name} is a ${className}: no module of PyTorch's is known to compute the same`,
      );
  }
}

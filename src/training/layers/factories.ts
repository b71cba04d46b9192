import type * as tfjs from '@tensorflow/tfjs';
import { theTf } from '../../tfjs/current.ts';
import { installLayers } from './install.ts';
import type { MultiHeadAttentionArgs } from './multi-head-attention.ts';
import type { Layer, LayerClass } from './registry.ts';

/** Options that every layer has. */
export interface LayerOptions {
  name?: string;
  /** Shape of an input without the batch, for the first layer of a Sequential. */
  inputShape?: tfjs.Shape;
  batchInputShape?: tfjs.Shape;
  trainable?: boolean;
}

type DataFormat = 'channelsFirst' | 'channelsLast';

interface Pictured {
  dataFormat?: DataFormat;
}

type Sides = number | [number, number];
type Sides3 = number | [number, number, number] | [[number, number], [number, number], [number, number]];

type Regularizer = string | tfjs.serialization.Serializable;
type Initializer = string | tfjs.serialization.Serializable;
type Constraint = string | tfjs.serialization.Serializable;

interface Biased {
  useBias?: boolean;
  biasInitializer?: Initializer;
  biasRegularizer?: Regularizer;
  biasConstraint?: Constraint;
}

interface Convolving extends Biased, Pictured {
  kernelSize: number | number[];
  strides?: number | number[];
  padding?: 'valid' | 'same' | 'causal';
  dilationRate?: number | number[];
  /** The name of an activation, Keras's among them: `'silu'`. */
  activation?: string;
}

interface Kernel {
  filters: number;
  kernelInitializer?: Initializer;
  kernelRegularizer?: Regularizer;
  kernelConstraint?: Constraint;
}

interface Depthwise {
  depthMultiplier?: number;
  depthwiseInitializer?: Initializer;
  depthwiseRegularizer?: Regularizer;
  depthwiseConstraint?: Constraint;
}

interface Normalizing {
  axis?: number;
  epsilon?: number;
  center?: boolean;
  scale?: boolean;
}

interface ConvolvingLstm extends Convolving, Kernel {
  recurrentActivation?: string;
  unitForgetBias?: boolean;
  dropout?: number;
  recurrentDropout?: number;
  returnSequences?: boolean;
  returnState?: boolean;
  goBackwards?: boolean;
}

function make(className: string, args: object): Layer {
  const made = installLayers(theTf())[className] as LayerClass;
  return new made({ ...args });
}

/** Takes the second input away from the first. */
export function subtract(args: LayerOptions = {}): Layer {
  return make('Subtract', args);
}

/** Gives its input on as it is. */
export function identity(args: LayerOptions = {}): Layer {
  return make('Identity', args);
}

/** Adds steps of 0 around a series [batch, time, channels]. */
export function zeroPadding1d(args: LayerOptions & { padding?: Sides } = {}): Layer {
  return make('ZeroPadding1D', args);
}

/** Adds zeros around volumes [batch, depth, height, width, channels]. */
export function zeroPadding3d(args: LayerOptions & Pictured & { padding?: Sides3 } = {}): Layer {
  return make('ZeroPadding3D', args);
}

/** Takes steps off a series [batch, time, channels]. */
export function cropping1d(args: LayerOptions & { cropping?: Sides } = {}): Layer {
  return make('Cropping1D', args);
}

/** Takes margins off volumes. */
export function cropping3d(args: LayerOptions & Pictured & { cropping?: Sides3 } = {}): Layer {
  return make('Cropping3D', args);
}

/** Repeats each step of a series. */
export function upSampling1d(args: LayerOptions & { size?: number } = {}): Layer {
  return make('UpSampling1D', args);
}

/** Repeats each place of a volume. */
export function upSampling3d(
  args: LayerOptions & Pictured & { size?: number | [number, number, number] } = {},
): Layer {
  return make('UpSampling3D', args);
}

/** A transposed convolution of series. */
export function conv1dTranspose(
  args: LayerOptions & Convolving & Kernel & { outputPadding?: number },
): Layer {
  return make('Conv1DTranspose', args);
}

/** A convolution of each channel of a series by itself. */
export function depthwiseConv1d(args: LayerOptions & Convolving & Depthwise): Layer {
  return make('DepthwiseConv1D', args);
}

/** A convolution of each channel of a series, then of all channels at each step. */
export function separableConv1d(args: LayerOptions & Convolving & Depthwise & { filters: number }): Layer {
  return make('SeparableConv1D', args);
}

/** A convolutional LSTM of series [batch, time, length, channels]. */
export function convLstm1d(args: LayerOptions & ConvolvingLstm): Layer {
  return make('ConvLSTM1D', args);
}

/** A convolutional LSTM of volumes [batch, time, depth, height, width, channels]. */
export function convLstm3d(args: LayerOptions & ConvolvingLstm): Layer {
  return make('ConvLSTM3D', args);
}

/** The mean over all places of volumes. */
export function globalAveragePooling3d(args: LayerOptions & Pictured & { keepdims?: boolean } = {}): Layer {
  return make('GlobalAveragePooling3D', args);
}

/** The largest number over all places of volumes. */
export function globalMaxPooling3d(args: LayerOptions & Pictured & { keepdims?: boolean } = {}): Layer {
  return make('GlobalMaxPooling3D', args);
}

/** Drops whole channels of pictures while training. */
export function spatialDropout2d(args: LayerOptions & Pictured & { rate: number }): Layer {
  return make('SpatialDropout2D', args);
}

/** Drops whole channels of volumes while training. */
export function spatialDropout3d(args: LayerOptions & Pictured & { rate: number }): Layer {
  return make('SpatialDropout3D', args);
}

/** Group normalization (Wu and He, 2018); `groups: -1` is instance normalization. 32 groups by default. */
export function groupNormalization(args: LayerOptions & Normalizing & { groups?: number } = {}): Layer {
  return make('GroupNormalization', args);
}

/** Divides by the root of the mean square (Zhang and Sennrich, 2019). */
export function rmsNormalization(
  args: LayerOptions & { axis?: number | number[]; epsilon?: number } = {},
): Layer {
  return make('RMSNormalization', args);
}

/** Gives each vector along `axis` the length 1. */
export function unitNormalization(args: LayerOptions & { axis?: number | number[] } = {}): Layer {
  return make('UnitNormalization', args);
}

/** A layer that measures its data first. */
export interface NormalizationLayer extends Layer {
  /**
   * Measures mean and variance of a batch of inputs.
   *
   * @throws Error for a layer that was given both.
   */
  adapt(data: tfjs.Tensor): void;
}

/** Subtracts a mean and divides by a standard deviation, which are given or measured with `adapt`. */
export function normalization(
  args: LayerOptions & {
    axis?: number | number[] | null;
    mean?: number | number[];
    variance?: number | number[];
    invert?: boolean;
  } = {},
): NormalizationLayer {
  return make('Normalization', args) as NormalizationLayer;
}

/** Pooling to a number of places, whatever the size of the input. */
export interface AdaptivePoolingArgs extends LayerOptions, Pictured {
  outputSize: number | number[];
}

export function adaptiveAveragePooling1d(args: AdaptivePoolingArgs): Layer {
  return make('AdaptiveAveragePooling1D', args);
}

export function adaptiveAveragePooling2d(args: AdaptivePoolingArgs): Layer {
  return make('AdaptiveAveragePooling2D', args);
}

export function adaptiveMaxPooling1d(args: AdaptivePoolingArgs): Layer {
  return make('AdaptiveMaxPooling1D', args);
}

export function adaptiveMaxPooling2d(args: AdaptivePoolingArgs): Layer {
  return make('AdaptiveMaxPooling2D', args);
}

/**
 * Multi-head attention (Vaswani et al., 2017, "Attention Is All You Need") as a layer, which tfjs lacks. Applied to one
 * tensor of shape [batch, positions, width] it is self-attention; applied to `[query, value]` or `[query, value, key]`
 * positions of the query look at those of the value; with `attentionMask: true` the last tensor is a mask for each pair of
 * positions. Masks of time steps, as `embedding({ maskZero: true })` makes them, hide positions of query and value. Weights
 * are laid out as Keras' (keras/src/layers/attention/multi_head_attention.py): kernels [input, heads, size].
 *
 * @throws RangeError when `numHeads`, `keyDim`, `valueDim` or `outputShape` is not a whole number from 1, and, when it is
 *   applied, where an input or a mask does not fit.
 */
export function multiHeadAttention(args: MultiHeadAttentionArgs): Layer {
  return make('MultiHeadAttention', args);
}

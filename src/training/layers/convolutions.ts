import {
  addBias,
  convolve,
  convolveDepthwise,
  convolvedLength,
  convolveTransposed,
  transposedLength,
  type Sliding,
} from './convolution-ops.ts';
import {
  addWeight,
  channelsOf,
  inputOfRank,
  layerClass,
  mapSpatial,
  oneShape,
  oneTensor,
  perDimension,
  register,
  serialized,
  withChannelsLast,
  type Activation,
  type Args,
  type Config,
  type Constraint,
  type DataFormat,
  type Initializer,
  type Kwargs,
  type Layer,
  type LayerClass,
  type Regularizer,
  type Shape,
  type Tensor,
  type Tf,
  type Weight,
} from './registry.ts';

/** Fields of tfjs's convolutions. */
interface ConvolutionLayer extends Layer {
  kernelSize: number[];
  strides: number[];
  padding: string;
  dataFormat: DataFormat;
  dilationRate: number[];
  activation: Activation | null;
  useBias: boolean;
  filters: number;
  kernel: Weight;
  bias: Weight | null;
  kernelInitializer: Initializer;
  kernelRegularizer: Regularizer;
  kernelConstraint: Constraint;
  biasInitializer: Initializer;
  biasRegularizer: Regularizer;
  biasConstraint: Constraint;
}

interface DepthwiseLayer extends ConvolutionLayer {
  depthMultiplier: number;
  depthwiseKernel: Weight;
  depthwiseInitializer: Initializer;
  depthwiseRegularizer: Regularizer;
  depthwiseConstraint: Constraint;
}

interface SeparableLayer extends DepthwiseLayer {
  pointwiseKernel: Weight;
  pointwiseInitializer: Initializer;
  pointwiseRegularizer: Regularizer;
  pointwiseConstraint: Constraint;
}

function biasOf(layer: ConvolutionLayer, size: number): Weight | null {
  if (!layer.useBias) return null;
  const { biasInitializer, biasRegularizer, biasConstraint } = layer;
  return addWeight(layer, 'bias', [size], 'float32', biasInitializer, biasRegularizer, true, biasConstraint);
}

/** Bias and activation after a convolution; the activation sees the data's own format, as in Keras. */
function finished(
  tf: Tf,
  layer: ConvolutionLayer,
  inputs: Tensor | Tensor[],
  compute: (x: Tensor) => Tensor,
): Tensor {
  return tf.tidy(() => {
    const bias = layer.bias === null || layer.bias === undefined ? null : layer.bias.read();
    const result = withChannelsLast(tf, oneTensor(inputs), layer.dataFormat, (x) =>
      addBias(tf, compute(x), bias),
    );
    return layer.activation === null ? result : layer.activation.apply(result);
  });
}

function convolvedShape(
  layer: ConvolutionLayer,
  shape: Shape,
  channels: (count: number | null) => number | null,
): Shape {
  return mapSpatial(
    shape,
    layer.dataFormat,
    (length, index) => convolvedLength(length, layer.kernelSize[index] as number, layer, index),
    channels,
  );
}

/** Conv1D, Conv2D and Conv3D with groups, causal padding, dilations and channels first in all of them. */
function convolution(tf: Tf, rank: 1 | 2 | 3): LayerClass {
  const Base = layerClass<ConvolutionLayer>(tf, `Conv${rank}D`);
  return class Convolution extends Base {
    static readonly className = `Conv${rank}D`;
    readonly groups: number;

    constructor(args: Args) {
      super(args);
      this.groups = (args['groups'] as number | undefined) ?? 1;
      if (!Number.isInteger(this.groups) || this.groups < 1 || this.filters % this.groups !== 0) {
        throw new RangeError(
          `layer ${this.name}: groups is ${this.groups}; it must be a whole number that divides filters (${this.filters})`,
        );
      }
    }

    override build(inputShape: Shape | Shape[]): void {
      const channels = channelsOf(this, oneShape(inputShape));
      if (this.groups === 1) {
        super.build(inputShape);
        return;
      }
      if (channels % this.groups !== 0) {
        throw new RangeError(
          `layer ${this.name}: groups is ${this.groups}, which does not divide the ${channels} channels of its input`,
        );
      }
      this.kernel = this.addWeight(
        'kernel',
        [...this.kernelSize, channels / this.groups, this.filters],
        'float32',
        this.kernelInitializer,
        this.kernelRegularizer,
        true,
        this.kernelConstraint,
      );
      this.bias = biasOf(this, this.filters);
      this.built = true;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
      const dilated = this.dilationRate.some((rate) => rate > 1);
      const usual =
        this.groups === 1 &&
        this.padding !== 'causal' &&
        (rank === 2 || (this.dataFormat === 'channelsLast' && !(rank === 3 && dilated)));
      if (usual) return super.call(inputs, kwargs);
      return finished(tf, this, inputs, (x) => convolve(tf, x, this.kernel.read(), this, this.groups));
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return convolvedShape(this, oneShape(inputShape), () => this.filters);
    }

    override getConfig(): Config {
      // tfjs's own configuration has no groups: readers of it know nothing else than 1.
      const groups = this.groups === 1 ? {} : { groups: this.groups };
      return { ...super.getConfig(), ...groups, dataFormat: this.dataFormat };
    }
  };
}

/** Transposed convolutions with dilations and output padding. That of one dimension is tfjs's Conv1D underneath. */
function transposed(tf: Tf, rank: 1 | 2 | 3): LayerClass {
  const Base = layerClass<ConvolutionLayer>(tf, rank === 1 ? 'Conv1D' : `Conv${rank}DTranspose`);
  return class Transposed extends Base {
    static readonly className = `Conv${rank}DTranspose`;
    readonly outputPadding: number[] | null;

    constructor(args: Args) {
      super(args);
      const given = args['outputPadding'];
      this.outputPadding =
        given === null || given === undefined ? null : perDimension(given, rank, 'outputPadding');
    }

    override build(inputShape: Shape | Shape[]): void {
      const channels = channelsOf(this, oneShape(inputShape));
      this.kernel = this.addWeight(
        'kernel',
        [...this.kernelSize, this.filters, channels],
        'float32',
        this.kernelInitializer,
        this.kernelRegularizer,
        true,
        this.kernelConstraint,
      );
      this.bias = biasOf(this, this.filters);
      this.built = true;
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return finished(tf, this, inputs, (x) =>
        convolveTransposed(tf, x, this.kernel.read(), this, this.outputPadding),
      );
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return mapSpatial(
        oneShape(inputShape),
        this.dataFormat,
        (length, index) =>
          transposedLength(length, this.kernelSize[index] as number, this, this.outputPadding, index),
        () => this.filters,
      );
    }

    override getConfig(): Config {
      const { dataFormat, dilationRate, outputPadding } = this;
      return { ...super.getConfig(), dataFormat, dilationRate, outputPadding };
    }
  };
}

/** Arguments of one dimension as those of two, the first of which is 1, for tfjs's layers of two. */
function asTwoDimensions(args: Args): Args {
  const wide = (key: string, first: number): Args => {
    const value = args[key];
    if (value === undefined || value === null) return {};
    return { [key]: [first, Array.isArray(value) ? value[0] : value] };
  };
  return {
    ...args,
    padding: 'valid',
    ...wide('kernelSize', 1),
    ...wide('strides', 1),
    ...wide('dilationRate', 1),
  };
}

/** Options of a layer of one dimension again, where its base class has two. */
function backToOne(layer: ConvolutionLayer, args: Args): void {
  layer.kernelSize = layer.kernelSize.slice(1);
  layer.strides = layer.strides.slice(1);
  layer.dilationRate = layer.dilationRate.slice(1);
  const padding = args['padding'] ?? 'valid';
  if (padding !== 'valid' && padding !== 'same' && padding !== 'causal') {
    throw new RangeError(
      `layer ${layer.name}: padding is ${JSON.stringify(padding)}; it must be 'valid', 'same' or 'causal'`,
    );
  }
  layer.padding = padding;
}

function addDepthwise(layer: DepthwiseLayer, channels: number): void {
  layer.depthwiseKernel = addWeight(
    layer,
    'depthwise_kernel',
    [...layer.kernelSize, channels, layer.depthMultiplier],
    'float32',
    layer.depthwiseInitializer,
    layer.depthwiseRegularizer,
    true,
    layer.depthwiseConstraint,
  );
}

function depthwise(tf: Tf, rank: 1 | 2): LayerClass {
  const Base = layerClass<DepthwiseLayer>(tf, 'DepthwiseConv2D');
  return class Depthwise extends Base {
    static readonly className = `DepthwiseConv${rank}D`;

    constructor(args: Args) {
      super(rank === 1 ? asTwoDimensions(args) : args);
      if (rank === 1) {
        backToOne(this, args);
        this.inputSpec = inputOfRank(3);
      }
    }

    override build(inputShape: Shape | Shape[]): void {
      const channels = channelsOf(this, oneShape(inputShape));
      addDepthwise(this, channels);
      this.bias = biasOf(this, channels * this.depthMultiplier);
      this.built = true;
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return finished(tf, this, inputs, (x) => convolveDepthwise(tf, x, this.depthwiseKernel.read(), this));
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      const channels = (count: number | null) => (count === null ? null : count * this.depthMultiplier);
      return convolvedShape(this, oneShape(inputShape), channels);
    }

    override getConfig(): Config {
      // tfjs writes the regularizer in place of the constraint.
      return {
        ...super.getConfig(),
        depthwiseConstraint: serialized(this.depthwiseConstraint),
      };
    }
  };
}

function separable(tf: Tf, rank: 1 | 2): LayerClass {
  const Base = layerClass<SeparableLayer>(tf, 'SeparableConv2D');
  return class Separable extends Base {
    static readonly className = `SeparableConv${rank}D`;

    constructor(args: Args) {
      super(rank === 1 ? asTwoDimensions(args) : args);
      if (rank === 1) {
        backToOne(this, args);
        this.inputSpec = inputOfRank(3);
      }
      const pointwise = args['pointwiseInitializer'];
      if (pointwise !== undefined && pointwise !== null) {
        // tfjs takes the depthwise one for both.
        const made = new Base({
          filters: 1,
          kernelSize: 1,
          depthwiseInitializer: pointwise,
        });
        this.pointwiseInitializer = made.depthwiseInitializer;
      }
    }

    override build(inputShape: Shape | Shape[]): void {
      const channels = channelsOf(this, oneShape(inputShape));
      addDepthwise(this, channels);
      const ones = this.kernelSize.map(() => 1);
      this.pointwiseKernel = this.addWeight(
        'pointwise_kernel',
        [...ones, channels * this.depthMultiplier, this.filters],
        'float32',
        this.pointwiseInitializer,
        this.pointwiseRegularizer,
        true,
        this.pointwiseConstraint,
      );
      this.bias = biasOf(this, this.filters);
      this.built = true;
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      const ones = this.kernelSize.map(() => 1);
      const pointwise: Sliding = { strides: ones, padding: 'valid', dilationRate: ones };
      return finished(tf, this, inputs, (x) => {
        const each = convolveDepthwise(tf, x, this.depthwiseKernel.read(), this);
        return convolve(tf, each, this.pointwiseKernel.read(), pointwise);
      });
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return convolvedShape(this, oneShape(inputShape), () => this.filters);
    }

    override getConfig(): Config {
      const { depthMultiplier, dataFormat } = this;
      return { ...super.getConfig(), depthMultiplier, dataFormat };
    }
  };
}

/** Registers the convolutions. @returns their classes by name. */
export function installConvolutions(tf: Tf): Record<string, LayerClass> {
  const made = [
    // Those of one dimension that are made of tfjs's own come before what replaces these.
    transposed(tf, 1),
    depthwise(tf, 1),
    separable(tf, 1),
    transposed(tf, 2),
    transposed(tf, 3),
    convolution(tf, 1),
    convolution(tf, 2),
    convolution(tf, 3),
    depthwise(tf, 2),
    separable(tf, 2),
  ];
  return Object.fromEntries(
    made.map((layer) => [String(Reflect.get(layer, 'className')), register(tf, layer)]),
  );
}

import { convolve, convolvedLength, type Sliding } from './convolution-ops.ts';
import {
  inputOfRank,
  layerClass,
  oneShape,
  oneTensor,
  perDimension,
  register,
  withChannelsLast,
  type Activation,
  type Args,
  type Config,
  type DataFormat,
  type Kwargs,
  type Layer,
  type LayerClass,
  type Shape,
  type Tensor,
  type Tf,
  type Weight,
} from './registry.ts';

interface Cell extends Layer {
  filters: number;
  kernelSize: number[];
  strides: number[];
  dilationRate: number[];
  padding: string;
  dataFormat: DataFormat;
  activation: Activation;
  recurrentActivation: Activation;
  useBias: boolean;
  kernel: Weight;
  recurrentKernel: Weight;
  bias: Weight;
  dropout: number;
  recurrentDropout: number;
  dropoutMask: Tensor[] | null;
  recurrentDropoutMask: Tensor[] | null;
  call(inputs: Tensor[], kwargs: Kwargs): Tensor[];
}

interface ConvLstmLayer extends Layer {
  cell: Cell;
  returnSequences: boolean;
  returnState: boolean;
  computeSingleOutputShape(shape: Shape): Shape;
}

/** Options of the cell that have a number for each dimension. */
const SPATIAL = ['kernelSize', 'strides', 'dilationRate'] as const;

/** The cell of a convolutional LSTM (Shi et al., 2015) of any dimensions, as keras/src/layers/rnn/conv_lstm.py. */
function cellClass(tf: Tf, rank: number): LayerClass<Cell> {
  const Base = layerClass<Cell>(tf, 'ConvLSTM2DCell');
  const made = class ConvLstmCell extends Base {
    static readonly className = `ConvLSTM${rank}DCell`;

    constructor(args: Args) {
      // tfjs's own reads two dimensions.
      super({ ...args, kernelSize: 1, strides: 1, dilationRate: 1 });
      for (const option of SPATIAL) this[option] = perDimension(args[option] ?? 1, rank, option);
    }

    private masks(kind: 'dropout' | 'recurrentDropout', x: Tensor, training: boolean): Tensor[] | null {
      const rate = this[kind];
      if (!training || rate <= 0 || rate >= 1) return null;
      const place = `${kind}Mask` as const;
      // One mask for all steps of a call; the layer disposes it before the next one.
      this[place] ??= Array.from({ length: 4 }, () => tf.keep(tf.dropout(tf.onesLike(x), rate)));
      return this[place];
    }

    override call(inputs: Tensor[], kwargs: Kwargs): Tensor[] {
      return tf.tidy(() => {
        const [x, h, c] = inputs as [Tensor, Tensor, Tensor];
        const training = kwargs.training === true;
        const inputMasks = this.masks('dropout', x, training);
        const stateMasks = this.masks('recurrentDropout', h, training);
        const kernels = tf.split(this.kernel.read(), 4, rank + 1);
        const recurrent = tf.split(this.recurrentKernel.read(), 4, rank + 1);
        const biases = this.useBias ? tf.split(this.bias.read(), 4) : undefined;
        const ones = this.kernelSize.map(() => 1);
        const still: Sliding = { strides: ones, padding: 'same', dilationRate: ones };
        const gate = (index: number): Tensor => {
          const dropped = (tensor: Tensor, masks: Tensor[] | null) =>
            masks === null ? tensor : tf.mul(tensor, masks[index] as Tensor);
          const fromInput = withChannelsLast(tf, dropped(x, inputMasks), this.dataFormat, (each) => {
            const made = convolve(tf, each, kernels[index] as Tensor, this);
            return biases === undefined ? made : tf.add(made, biases[index] as Tensor);
          });
          const fromState = withChannelsLast(tf, dropped(h, stateMasks), this.dataFormat, (each) =>
            convolve(tf, each, recurrent[index] as Tensor, still),
          );
          return tf.add(fromInput, fromState);
        };
        const input = this.recurrentActivation.apply(gate(0));
        const forget = this.recurrentActivation.apply(gate(1));
        const candidate = this.activation.apply(gate(2));
        const carry = tf.add(tf.mul(forget, c), tf.mul(input, candidate));
        const output = tf.mul(this.recurrentActivation.apply(gate(3)), this.activation.apply(carry));
        return [output, output, carry];
      });
    }

    override getConfig(): Config {
      const { kernelSize, strides, dilationRate } = this;
      return { ...super.getConfig(), kernelSize, strides, dilationRate };
    }
  };
  return register(tf, made);
}

function convLstm(tf: Tf, rank: number): LayerClass {
  const CellClass = cellClass(tf, rank);
  const Base = layerClass<ConvLstmLayer>(tf, 'ConvLSTM2D');
  const made = class ConvLstm extends Base {
    static readonly className = `ConvLSTM${rank}D`;

    constructor(args: Args) {
      super({ ...args, kernelSize: 1, strides: 1, dilationRate: 1 });
      const { name: _name, ...rest } = args;
      this.cell = new CellClass(rest);
      this.inputSpec = inputOfRank(rank + 3);
    }

    /** tfjs's own, with a number of spatial dimensions: [batch, time, …]. */
    override computeSingleOutputShape(shape: Shape): Shape {
      const { cell } = this;
      const [batch = null, time = null, ...rest] = shape;
      const first = cell.dataFormat === 'channelsFirst';
      const spatial = (first ? rest.slice(1) : rest.slice(0, -1)).map((length, index) =>
        convolvedLength(length, cell.kernelSize[index] as number, cell, index),
      );
      return first ? [batch, time, cell.filters, ...spatial] : [batch, time, ...spatial, cell.filters];
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
      const whole = this.computeSingleOutputShape(oneShape(inputShape));
      const state = [whole[0] as number | null, ...whole.slice(2)];
      const output = this.returnSequences ? whole : state;
      return this.returnState ? [output, state, [...state]] : output;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
      const mask = Array.isArray(kwargs?.mask) ? kwargs.mask[0] : kwargs?.mask;
      if (mask === null || mask === undefined) return super.call(inputs, kwargs);
      // tfjs adds one dimension to a mask; here it takes more.
      const { rank: dimensions } = oneTensor(inputs);
      return tf.tidy(() => {
        const wide = tf.reshape(mask, [
          ...mask.shape,
          ...Array.from({ length: dimensions - mask.rank }, () => 1),
        ]);
        return super.call(inputs, { ...kwargs, mask: wide });
      });
    }

    static fromConfig(constructor: new (config: Args) => Layer, config: Args): Layer {
      return new constructor(config);
    }
  };
  return register(tf, made);
}

/** Convolutional LSTMs in one to three dimensions. */
export function installConvLstm(tf: Tf): Record<string, LayerClass> {
  // The one of two dimensions replaces what the others extend: it comes last.
  return { ConvLSTM1D: convLstm(tf, 1), ConvLSTM3D: convLstm(tf, 3), ConvLSTM2D: convLstm(tf, 2) };
}

import type { LayersModel, Optimizer, SymbolicTensor, layers } from '@tensorflow/tfjs';
import type { Tf } from '../../src/tfjs/instance.ts';

/**
 * Random networks of several inputs and outputs, of every kind of layer: branches, merges, layers that are used twice,
 * masks, regularizers, constraints. Network number n is the same every time.
 */

type Layer = layers.Layer;
export type Draw = (below: number) => number;
type Kind = 'vector' | 'series' | 'picture' | 'volume';

interface Flow {
  tensor: SymbolicTensor;
  kind: Kind;
  masked: boolean;
}

/** The target of an output: its loss, and its values. */
export interface Target {
  loss: string;
  values: 'numbers' | 'positive' | 'one-hot' | 'index' | 'zero-or-one';
}

export interface RandomNetwork {
  model: LayersModel;
  /** Shapes of the inputs; `below`: whole numbers from 0 on instead of normal ones. */
  inputs: { shape: number[]; below?: number }[];
  targets: Target[];
  metrics: string[];
  optimizer: Optimizer;
  /** The parts of the network, for messages. */
  text: string;
}

/** Classes of all targets. */
export const CLASSES = 3;

/** mulberry32 */
function generator(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/**
 * A bias before a normalization has no gradient but rounding errors, and these optimizers would scale even those to whole
 * steps: with an epsilon that is larger than rounding errors they do not.
 */
const EPSILON = 1e-2;

const activations = ['relu', 'tanh', 'sigmoid', 'elu', 'selu', 'softplus', 'softsign', 'relu6', 'linear'];

const targets: (Target & { activation: string })[] = [
  { loss: 'meanSquaredError', values: 'numbers', activation: 'linear' },
  { loss: 'meanAbsoluteError', values: 'numbers', activation: 'tanh' },
  { loss: 'logcosh', values: 'numbers', activation: 'linear' },
  { loss: 'meanSquaredLogarithmicError', values: 'positive', activation: 'softplus' },
  { loss: 'poisson', values: 'positive', activation: 'softplus' },
  { loss: 'cosineProximity', values: 'numbers', activation: 'linear' },
  { loss: 'squaredHinge', values: 'zero-or-one', activation: 'tanh' },
  { loss: 'binaryCrossentropy', values: 'zero-or-one', activation: 'sigmoid' },
  { loss: 'categoricalCrossentropy', values: 'one-hot', activation: 'softmax' },
  { loss: 'kullbackLeiblerDivergence', values: 'one-hot', activation: 'softmax' },
  { loss: 'sparseCategoricalCrossentropy', values: 'index', activation: 'softmax' },
];

class Network {
  readonly #tf: Tf;
  readonly #draw: Draw;
  readonly inputs: { tensor: SymbolicTensor; shape: number[]; below?: number }[] = [];
  readonly text: string[] = [];
  /** Dense layers for vectors, to be used again. */
  readonly #shared: { layer: Layer; width: number }[] = [];

  constructor(tf: Tf, draw: Draw) {
    this.#tf = tf;
    this.#draw = draw;
  }

  #one<T>(...choices: T[]): T {
    return choices[this.#draw(choices.length)] as T;
  }

  #often(times: number, of: number): boolean {
    return this.#draw(of) < times;
  }

  #apply(layer: Layer, to: SymbolicTensor | SymbolicTensor[]): SymbolicTensor {
    const from = Array.isArray(to) ? to : [to];
    this.text.push(
      `${layer.getClassName()}(${from.map(({ shape }) => shape.slice(1).join('x')).join(', ')})`,
    );
    return layer.apply(to) as SymbolicTensor;
  }

  input(): Flow {
    const { layers: L, input } = this.#tf;
    const kind = this.#one<Kind | 'words' | 'gaps'>(
      'vector',
      'vector',
      'series',
      'picture',
      'volume',
      'words',
      'gaps',
    );
    const shapes = {
      vector: [5],
      series: [4, 3],
      picture: [7, 6, 2],
      volume: [4, 4, 3, 2],
      words: [4],
      gaps: [4, 3],
    };
    const shape = shapes[kind];
    const tensor = input({ shape });
    if (kind === 'words') {
      this.inputs.push({ tensor, shape, below: 6 });
      const masked = this.#often(1, 2);
      const layer = L.embedding({
        inputDim: 6,
        outputDim: 3,
        inputLength: 4,
        maskZero: masked,
        ...this.#extras('embeddings'),
      });
      return { tensor: this.#apply(layer, tensor), kind: 'series', masked };
    }
    this.inputs.push({ tensor, shape, ...(kind === 'gaps' ? { below: 2 } : {}) });
    if (kind === 'gaps') {
      return { tensor: this.#apply(L.masking({ maskValue: 0 }), tensor), kind: 'series', masked: true };
    }
    return { tensor, kind, masked: false };
  }

  /** Regularizers and constraints, now and then, for the weights of these names. */
  #extras(...names: string[]): object {
    const { regularizers, constraints } = this.#tf;
    const extras: Record<string, unknown> = {};
    for (const name of names) {
      if (this.#often(1, 5)) {
        extras[`${name}Regularizer`] = this.#one(
          regularizers.l1({ l1: 0.02 }),
          regularizers.l2({ l2: 0.02 }),
          regularizers.l1l2({ l1: 0.01, l2: 0.01 }),
        );
      }
      if (this.#often(1, 5)) {
        extras[`${name}Constraint`] = this.#one(
          constraints.maxNorm({ maxValue: 0.9 }),
          constraints.unitNorm({ axis: 0 }),
          constraints.nonNeg(),
          constraints.minMaxNorm({ minValue: 0.1, maxValue: 0.9, rate: 0.8, axis: 0 }),
        );
      }
    }
    return extras;
  }

  #activation(): 'relu' {
    return this.#one(...activations) as 'relu';
  }

  #padding(): 'same' | 'valid' {
    return this.#one('same', 'valid');
  }

  /** Layers that keep kind and shape. */
  #anyLayer(rank: number): Layer {
    const { layers: L } = this.#tf;
    const all = [
      () => L.dropout({ rate: 0.1 + 0.1 * this.#draw(5) }),
      () => L.dropout({ rate: 0.3, seed: 1 + this.#draw(9) }),
      () => L.gaussianNoise({ stddev: 0.1 }),
      () => L.gaussianDropout({ rate: 0.2 }),
      () => L.alphaDropout({ rate: 0.2 }),
      () =>
        L.batchNormalization({
          momentum: 0.7,
          scale: this.#often(3, 4),
          center: this.#often(3, 4),
          axis: this.#often(1, 4) ? 1 : -1,
          ...this.#extras('gamma', 'beta'),
        }),
      () => L.layerNormalization(rank > 2 && this.#often(1, 3) ? { axis: [1, 2] } : {}),
      () => L.activation({ activation: this.#activation() }),
      () => L.leakyReLU({ alpha: 0.1 }),
      () => L.elu({}),
      () => L.reLU({ maxValue: 2 }),
      () => L.prelu({ ...this.#extras('alpha') }),
      () => L.thresholdedReLU({ theta: 0.1 }),
      () => L.softmax({ axis: -1 }),
      () => L.rescaling({ scale: 0.7, offset: 0.1 }),
    ];
    const layer = this.#one(...all)();
    // tfjs has none of these for volumes.
    const missing = ['BatchNormalization', 'LayerNormalization', 'Softmax'];
    return rank === 5 && missing.includes(layer.getClassName()) ? L.elu({}) : layer;
  }

  #recurrent(returnSequences: boolean, masked: boolean): Layer {
    const { layers: L } = this.#tf;
    const args = {
      units: 1 + this.#draw(4),
      returnSequences,
      goBackwards: this.#often(1, 4),
      useBias: this.#often(4, 5),
      ...(this.#often(1, 4) ? { dropout: 0.2 } : {}),
      ...(this.#often(1, 4) ? { recurrentDropout: 0.2 } : {}),
      ...this.#extras('kernel', 'recurrent', 'bias'),
    };
    const gates = { ...args, recurrentActivation: this.#one('sigmoid', 'hardSigmoid') as 'sigmoid' };
    const all: (() => Layer)[] = [
      () => L.simpleRNN({ ...args, activation: this.#one('tanh', 'relu') }),
      () => L.gru({ ...gates, resetAfter: this.#often(1, 2) } as never),
      () => L.lstm(gates),
      () => L.lstm({ ...gates, activation: this.#one('tanh', 'sigmoid') }),
    ];
    if (!masked) {
      const merge = this.#one('concat', 'sum', 'ave', 'mul');
      all.push(
        () => L.bidirectional({ layer: L.gru({ units: 2, returnSequences }), mergeMode: merge }),
        () => L.rnn({ cell: L.simpleRNNCell({ units: 3 }), returnSequences }),
        () => L.rnn({ cell: [L.gruCell({ units: 3 }), L.lstmCell({ units: 2 })] as never, returnSequences }),
      );
    }
    return this.#one(...all)();
  }

  /** One layer more. */
  next(flow: Flow): Flow {
    const { layers: L } = this.#tf;
    const { tensor, kind, masked } = flow;
    const small = tensor.shape.slice(1, -1).map((size) => (size ?? 0) <= 2);
    const tiny = small.some(Boolean);
    const filters = 1 + this.#draw(3);
    const activation = this.#activation();
    const to = (layer: Layer, into: Kind = kind, still = false): Flow => ({
      tensor: this.#apply(layer, tensor),
      kind: into,
      masked: still,
    });
    if (kind === 'series' && masked) {
      return this.#often(1, 2)
        ? to(this.#recurrent(true, true), 'series', true)
        : to(
            this.#one<Layer>(L.dropout({ rate: 0.2 }), L.timeDistributed({ layer: L.dense({ units: 3 }) })),
            kind,
            true,
          );
    }
    if (this.#often(1, 3)) return to(this.#anyLayer(tensor.shape.length));
    switch (kind) {
      case 'vector': {
        const width = tensor.shape[1] as number;
        const shared = this.#shared.find((one) => one.width === width);
        if (shared !== undefined && this.#often(1, 2)) return to(shared.layer);
        const units = 2 + this.#draw(5);
        const layer = L.dense({
          units,
          activation,
          useBias: this.#often(3, 4),
          ...this.#extras('kernel', 'bias'),
          kernelInitializer: this.#one('glorotUniform', 'heNormal', 'orthogonal'),
        });
        this.#shared.push({ layer, width });
        return this.#one(
          () => to(layer),
          () => to(layer),
          () => to(layer),
          () => to(L.repeatVector({ n: 3 }), 'series'),
          () => to(L.reshape({ targetShape: [width, 1] }), 'series'),
        )();
      }
      case 'series':
        return this.#one(
          () => to(this.#recurrent(true, false)),
          () => to(this.#recurrent(false, false), 'vector'),
          () =>
            to(
              L.conv1d({
                filters,
                kernelSize: 2,
                padding: tiny ? 'same' : this.#padding(),
                activation,
                ...this.#extras('kernel', 'bias'),
              }),
            ),
          () => to(L.timeDistributed({ layer: L.dense({ units: 3, activation }) })),
          () => to(L.dense({ units: 3, activation })),
          () => to(L.maxPooling1d({ poolSize: 2, strides: 1, padding: 'same' })),
          () => to(L.averagePooling1d({ poolSize: 2, padding: 'same' })),
          () => to(L.spatialDropout1d({ rate: 0.3 })),
          () => to(L.permute({ dims: [2, 1] })),
          () => to(L.globalAveragePooling1d({}), 'vector'),
          () => to(L.globalMaxPooling1d({}), 'vector'),
          () => to(L.flatten(), 'vector'),
        )();
      case 'picture': {
        const padding = tiny ? 'same' : this.#padding();
        const strides = tiny ? 1 : 1 + this.#draw(2);
        const kernelSize = tiny ? 1 : this.#one<number | [number, number]>(1, 2, 3, [3, 1]);
        const conv = { kernelSize, padding, strides, ...this.#extras('bias') };
        return this.#one(
          () => to(L.conv2d({ filters, activation, ...conv, ...this.#extras('kernel') })),
          () => to(L.conv2d({ filters, activation: 'relu', ...conv })),
          () => to(L.separableConv2d({ filters, activation, ...conv, depthMultiplier: filters, strides: 1 })),
          () =>
            to(
              L.depthwiseConv2d({
                ...conv,
                strides,
                depthMultiplier: 2,
                ...this.#extras('depthwise'),
              }),
            ),
          () =>
            to(
              tiny
                ? L.conv2dTranspose({
                    filters,
                    kernelSize: 2,
                    strides: 2,
                    activation,
                    ...this.#extras('kernel'),
                  })
                : L.conv2dTranspose({ filters, kernelSize: 2, padding: 'same' }),
            ),
          () => to(L.maxPooling2d({ poolSize: 2, strides, padding: 'same' })),
          () => to(L.averagePooling2d({ poolSize: [2, 1], padding: 'same', strides })),
          () =>
            to(
              tiny
                ? L.upSampling2d({ size: [2, 2] })
                : L.cropping2D({
                    cropping: [
                      [1, 0],
                      [0, 1],
                    ],
                  }),
            ),
          () =>
            to(
              L.zeroPadding2d({
                padding: [
                  [1, 0],
                  [0, 1],
                ],
              }),
            ),
          () => to(L.globalAveragePooling2d({}), 'vector'),
          () => to(L.globalMaxPooling2d({}), 'vector'),
          () => to(L.flatten(), 'vector'),
        )();
      }
      default:
        return this.#one(
          () =>
            to(L.conv3d({ filters, kernelSize: 2, padding: 'same', activation, ...this.#extras('kernel') })),
          () => to(L.conv3dTranspose({ filters, kernelSize: 2, padding: 'same', activation })),
          () => to(L.maxPooling3d({ poolSize: [2, 2, 2], strides: 1, padding: 'same' })),
          () => to(L.averagePooling3d({ poolSize: [2, 2, 1], padding: 'same' })),
          () => to(L.flatten(), 'vector'),
        )();
    }
  }

  /** Two into one, if they fit. */
  merge(a: Flow, b: Flow): Flow | undefined {
    const { layers: L } = this.#tf;
    if (a.kind !== b.kind || a.masked || b.masked) return undefined;
    const same = a.tensor.shape.join() === b.tensor.shape.join();
    if (!same) {
      return a.kind === 'vector'
        ? { ...a, tensor: this.#apply(L.concatenate(), [a.tensor, b.tensor]) }
        : undefined;
    }
    const layer = this.#one<() => Layer>(
      () => L.add(),
      () => L.average(),
      () => L.maximum(),
      () => L.minimum(),
      () => L.multiply(),
      () => L.concatenate({ axis: -1 }),
      () => (a.kind === 'vector' ? L.dot({ axes: 1 }) : L.add()),
    )();
    return { ...a, tensor: this.#apply(layer, [a.tensor, b.tensor]) };
  }

  toVector(flow: Flow): SymbolicTensor {
    const { layers: L } = this.#tf;
    if (flow.masked) return this.#apply(this.#recurrent(false, true), flow.tensor);
    return flow.kind === 'vector' ? flow.tensor : this.#apply(L.flatten(), flow.tensor);
  }
}

function randomOptimizer(tf: Tf, draw: Draw): Optimizer {
  const all = [
    () => tf.train.sgd(0.02),
    () => tf.train.momentum(0.01, 0.9, draw(2) === 0),
    () => tf.train.adam(0.005, 0.9, 0.99, EPSILON),
    () => tf.train.rmsprop(0.002, 0.9, draw(2) === 0 ? 0 : 0.5, EPSILON),
    () => tf.train.rmsprop(0.002, 0.9, 0.5, EPSILON, true),
    () => tf.train.adagrad(0.02, 0.1),
    () => tf.train.adadelta(0.05, 0.95, EPSILON),
    () => tf.train.adamax(0.005, 0.9, 0.99, EPSILON, draw(2) === 0 ? 0 : 0.1),
  ];
  return (all[draw(all.length)] as () => Optimizer)();
}

/** A network of 1 to 8 layers in addition to its inputs and outputs; not compiled yet. */
export function randomNetwork(tf: Tf, seed: number): RandomNetwork {
  const draw = generator(seed);
  const network = new Network(tf, draw);
  const flows = Array.from({ length: 1 + draw(3) }, () => network.input());
  const depth = 1 + draw(8);
  for (let i = 0; i < depth; i++) {
    const at = draw(flows.length);
    const flow = flows[at] as Flow;
    const other = flows[draw(flows.length)] as Flow;
    const merged = draw(3) === 0 && other !== flow ? network.merge(flow, other) : undefined;
    if (merged !== undefined) {
      flows.splice(flows.indexOf(other), 1, merged);
      if (draw(2) === 0) flows.splice(flows.indexOf(flow), 1);
    } else if (draw(5) === 0) flows.push(network.next(flow));
    else flows[at] = network.next(flow);
  }
  const ends = flows.map((flow) => network.toVector(flow));
  const joined =
    ends.length === 1 ? (ends[0] as SymbolicTensor) : (tf.layers.concatenate().apply(ends) as SymbolicTensor);
  const wanted = Array.from(
    { length: 1 + draw(2) },
    () => targets[draw(targets.length)] as (typeof targets)[number],
  );
  const outputs = wanted.map(
    ({ activation }) =>
      tf.layers.dense({ units: CLASSES, activation: activation as 'tanh' }).apply(joined) as SymbolicTensor,
  );
  const model = tf.model({ inputs: network.inputs.map(({ tensor }) => tensor), outputs });
  const optimizer = randomOptimizer(tf, draw);
  const metrics = [['mse'], ['accuracy'], [], ['mae', 'mape']][draw(4)] as string[];
  return {
    model,
    inputs: network.inputs.map(({ shape, below }) => ({ shape, ...(below === undefined ? {} : { below }) })),
    targets: wanted.map(({ loss, values }) => ({ loss, values })),
    metrics,
    optimizer,
    text: `${network.text.join(' ')} → ${wanted.map(({ loss }) => loss).join(', ')}; ${optimizer.getClassName()}`,
  };
}

import type * as Tf from '@tensorflow/tfjs';
import type { Json } from './keras-layers.ts';

type Tfjs = typeof Tf;

/** An optimizer that tfjs and Keras both have. */
interface OptimizerKind {
  /** Its class in Keras. */
  keras: string;
  /** Properties of its configuration: tfjs's name to Keras's. */
  properties: Readonly<Record<string, string>>;
  /** Its values for each weight, in Keras's order: the ends of the names that tfjs gives them. */
  slots: (config: Json) => readonly string[];
  /** Whether Keras writes a slot of all weights before the next; otherwise all slots of a weight before the next weight's. */
  bySlot?: boolean;
}

/** tfjs's optimizers by class name. Adadelta is not among them: tfjs's and Keras's compute different steps. */
const OPTIMIZERS: Readonly<Record<string, OptimizerKind>> = {
  SGD: { keras: 'SGD', properties: { learningRate: 'learning_rate' }, slots: () => [] },
  Momentum: {
    keras: 'SGD',
    properties: { learningRate: 'learning_rate', momentum: 'momentum', useNesterov: 'nesterov' },
    slots: () => ['momentum'],
  },
  Adam: {
    keras: 'Adam',
    properties: { learningRate: 'learning_rate', beta1: 'beta_1', beta2: 'beta_2', epsilon: 'epsilon' },
    slots: () => ['m', 'v'],
  },
  Adamax: {
    keras: 'Adamax',
    properties: { learningRate: 'learning_rate', beta1: 'beta_1', beta2: 'beta_2', epsilon: 'epsilon' },
    slots: () => ['m', 'v'],
  },
  Adagrad: {
    keras: 'Adagrad',
    properties: { learningRate: 'learning_rate', initialAccumulatorValue: 'initial_accumulator_value' },
    slots: () => ['accumulator'],
  },
  RMSProp: {
    keras: 'RMSprop',
    properties: {
      learningRate: 'learning_rate',
      decay: 'rho',
      momentum: 'momentum',
      epsilon: 'epsilon',
      centered: 'centered',
    },
    bySlot: true,
    // tfjs keeps a momentum even where it is 0.
    slots: (config) => [
      'rms',
      ...(config['momentum'] === 0 ? [] : ['momentum']),
      ...(config['centered'] === true ? ['mg'] : []),
    ],
  },
};

/** Options of Keras's optimizers that tfjs's lack, with the values at which both do the same. */
const USUAL_OPTIONS: Readonly<Record<string, unknown>> = {
  amsgrad: false,
  clipnorm: null,
  clipvalue: null,
  global_clipnorm: null,
  gradient_accumulation_steps: null,
  loss_scale_factor: null,
  use_ema: false,
  weight_decay: 0,
};

/** Numbers of an optimizer between two steps, in Keras's order. */
export interface OptimizerState {
  iterations: number;
  /** Undefined where the file has it in the configuration only. */
  learningRate: number | undefined;
  /** For each trainable weight its slots (Adam: first and second moment), in the order of Keras's file. */
  slots: { shape: number[]; values: Float32Array; name?: string }[];
  /** The older optimizers of Keras 2, which write a slot of all weights before the next. */
  older?: boolean;
}

function optimizerOf(model: Tf.LayersModel): Tf.Optimizer | undefined {
  return (model as { optimizer?: Tf.Optimizer }).optimizer;
}

/** A model's optimizer as Keras writes it, or why Keras has none that computes the same; undefined without one. */
export function toKerasOptimizer(model: Tf.LayersModel): Json | string | undefined {
  const optimizer = optimizerOf(model);
  if (optimizer === undefined) return undefined;
  const kind = OPTIMIZERS[optimizer.getClassName()];
  if (kind === undefined) return `the optimizer ${optimizer.getClassName()} computes differently in Keras`;
  const config = optimizer.getConfig() as Json;
  // tfjs's Adamax has a decay of its learning rate, Keras's has none.
  if (typeof config['decay'] === 'number' && kind.properties['decay'] === undefined && config['decay'] !== 0)
    return `${optimizer.getClassName()} has a decay in tfjs, but not in Keras`;
  return {
    module: 'keras.optimizers',
    class_name: kind.keras,
    config: Object.fromEntries(Object.entries(kind.properties).map(([own, keras]) => [keras, config[own]])),
    registered_name: null,
  };
}

/** Where Keras's file has a slot of a weight, among `slots` slots of `weights` weights. */
function placeIn(bySlot: boolean, slots: number, weights: number, slot: number, weight: number): number {
  return bySlot ? slot * weights + weight : weight * slots + slot;
}

/** The optimizer's state in Keras's order; undefined where the model was not compiled, or never trained. */
export async function optimizerState(model: Tf.LayersModel): Promise<OptimizerState | undefined> {
  const optimizer = optimizerOf(model);
  const kind = optimizer === undefined ? undefined : OPTIMIZERS[optimizer.getClassName()];
  if (optimizer === undefined || kind === undefined) return undefined;
  const config = optimizer.getConfig() as Json;
  const weights = (await optimizer.getWeights()) as { name: string; tensor: Tf.Tensor }[];
  const [iterations, ...variables] = weights;
  const slots = kind.slots(config);
  const trainable = model.trainableWeights.length;
  // tfjs keeps a momentum of RMSProp even where it is 0: then the slots do not follow each other.
  const kept = variables.filter(({ name }) => slots.some((slot) => name.endsWith(`/${slot}`)));
  if (iterations === undefined || kept.length < slots.length * trainable) return undefined;
  const rate = Number(config['learningRate']);
  const ordered: OptimizerState['slots'] = [];
  // tfjs has all of the first slot, then all of the second.
  for (let slot = 0; slot < slots.length; slot++) {
    for (let weight = 0; weight < trainable; weight++) {
      const { tensor } = kept[slot * trainable + weight] as { tensor: Tf.Tensor };
      const values = Float32Array.from((await tensor.data()) as Float32Array);
      // Keras's velocity carries the learning rate and the sign of the step.
      if (optimizer.getClassName() === 'Momentum')
        for (let i = 0; i < values.length; i++) values[i] = -rate * (values[i] as number);
      ordered[placeIn(kind.bySlot === true, slots.length, trainable, slot, weight)] = {
        shape: tensor.shape,
        values,
      };
    }
  }
  const count = Number((await iterations.tensor.data())[0]);
  iterations.tensor.dispose();
  return { iterations: count, learningRate: rate, slots: ordered };
}

/**
 * An optimizer of tfjs that computes what Keras's does.
 *
 * @returns what tfjs lacks, in words, where it has none.
 */
export function fromKerasOptimizer(
  tf: Tfjs,
  className: string,
  options: Json,
  rate: number,
): Tf.Optimizer | string {
  const extra = Object.keys(USUAL_OPTIONS).find(
    (key) => options[key] !== undefined && options[key] !== null && options[key] !== USUAL_OPTIONS[key],
  );
  if (extra !== undefined)
    return `its optimizer ${className} has ${extra} ${JSON.stringify(options[extra])}, which tfjs does not support`;
  const number = (key: string, otherwise: number): number =>
    typeof options[key] === 'number' ? options[key] : otherwise;
  switch (className) {
    case 'SGD':
      return number('momentum', 0) === 0
        ? tf.train.sgd(rate)
        : tf.train.momentum(rate, number('momentum', 0), options['nesterov'] === true);
    case 'Adam':
    // Without the weight decay, which was refused above, it is Adam.
    case 'AdamW':
      return tf.train.adam(rate, number('beta_1', 0.9), number('beta_2', 0.999), number('epsilon', 1e-7));
    case 'Adamax':
      return tf.train.adamax(rate, number('beta_1', 0.9), number('beta_2', 0.999), number('epsilon', 1e-7));
    case 'Adagrad':
      return number('epsilon', 1e-7) === 1e-7
        ? tf.train.adagrad(rate, number('initial_accumulator_value', 0.1))
        : `its optimizer has epsilon ${number('epsilon', 0)}, and tfjs's Adagrad always uses 1e-7`;
    case 'RMSprop':
      return tf.train.rmsprop(
        rate,
        number('rho', 0.9),
        number('momentum', 0),
        number('epsilon', 1e-7),
        options['centered'] === true,
      );
    case 'Adadelta':
      return "its optimizer is Adadelta, whose steps in tfjs are not Keras's";
    default:
      return `tfjs has no optimizer ${className}`;
  }
}

/** Whether the name of a slot has the last word of a weight's: `adam/dense_kernel_momentum` for `dense/kernel`. */
function isOfKind(slot: string | undefined, weight: string): boolean {
  const own = weight.split('/').at(-1) ?? '';
  const word = own.replace(/_\d+$/, '').split('_').at(-1) ?? '';
  return slot === undefined || slot.includes(word);
}

/** Gives an optimizer the state it was saved with. @returns why it could not, in words. */
export async function restoreState(
  tf: Tfjs,
  model: Tf.LayersModel,
  optimizer: Tf.Optimizer,
  state: OptimizerState | undefined,
): Promise<string | undefined> {
  // Keras writes a count of 0 and nothing else for an optimizer that has made no step.
  if (state === undefined || (state.iterations === 0 && state.slots.length === 0)) return undefined;
  const className = optimizer.getClassName();
  const config = optimizer.getConfig() as Json;
  const kind = OPTIMIZERS[className];
  if (kind === undefined) return `the state of an optimizer ${className} is not kept`;
  const slots = kind.slots(config);
  const weights = model.trainableWeights;
  const rate = Number(config['learningRate']);
  // Keras 2 keeps a momentum of SGD even where it is 0.
  if (slots.length > 0 && state.slots.length !== slots.length * weights.length) {
    return `its optimizer state has ${state.slots.length} parts instead of ${slots.length * weights.length}; training goes on without it`;
  }
  const named: { name: string; tensor: Tf.Tensor }[] = [
    { name: 'iter', tensor: tf.scalar(state.iterations, 'int32') },
  ];
  for (const [slot, suffix] of slots.entries()) {
    for (const [index, weight] of weights.entries()) {
      const bySlot = kind.bySlot === true || state.older === true;
      const place = placeIn(bySlot, slots.length, weights.length, slot, index);
      const { shape, values, name } = state.slots[place] as OptimizerState['slots'][number];
      if (shape.join() !== weight.shape.join() || !isOfKind(name, weight.originalName)) {
        tf.dispose(named.map(({ tensor }) => tensor));
        return `its optimizer state has ${name ?? 'a part'} of shape [${shape.join(', ')}] for the weight ${weight.originalName} of shape [${weight.shape.join(', ')}]; training goes on without it`;
      }
      const own = className === 'Momentum' ? values.map((value) => -value / rate) : values;
      named.push({ name: `${weight.originalName}/${suffix}`, tensor: tf.tensor(own, shape) });
    }
    // tfjs expects a momentum for each weight even where it is 0, behind the mean squares.
    if (suffix === 'rms' && config['momentum'] === 0) {
      for (const weight of weights)
        named.push({ name: `${weight.originalName}/momentum`, tensor: tf.zeros(weight.shape as number[]) });
    }
  }
  await optimizer.setWeights(named);
  return undefined;
}

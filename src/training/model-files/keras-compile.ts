import type * as Tf from '@tensorflow/tfjs';
import type { Json } from './keras-layers.ts';

type Tfjs = typeof Tf;

/** tfjs optimizers by class: the name in Keras, properties (tfjs -> Keras), and state kept for each weight. */
const OPTIMIZERS: Readonly<
  Record<
    string,
    { keras: string; properties: Readonly<Record<string, string>>; slots: (config: Json) => number }
  >
> = {
  SGD: { keras: 'SGD', properties: { learningRate: 'learning_rate' }, slots: () => 0 },
  Momentum: {
    keras: 'SGD',
    properties: { learningRate: 'learning_rate', momentum: 'momentum', useNesterov: 'nesterov' },
    slots: () => 1,
  },
  Adam: {
    keras: 'Adam',
    properties: { learningRate: 'learning_rate', beta1: 'beta_1', beta2: 'beta_2', epsilon: 'epsilon' },
    slots: () => 2,
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
    // tfjs keeps a momentum even where it is 0.
    slots: (config) => 1 + (config['momentum'] === 0 ? 0 : 1) + (config['centered'] === true ? 1 : 0),
  },
};

const METRICS: Readonly<Record<string, string>> = { acc: 'accuracy', MSE: 'mse', MAE: 'mae' };

/** Short names that Keras knows and tfjs does not. */
const LOSSES: Readonly<Record<string, string>> = {
  mse: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  mape: 'meanAbsolutePercentageError',
  msle: 'meanSquaredLogarithmicError',
  bce: 'binaryCrossentropy',
  kld: 'kullbackLeiblerDivergence',
};

function snake(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Numbers of an optimizer between two steps, in Keras's order. */
export interface OptimizerState {
  iterations: number;
  learningRate: number;
  /** For each trainable weight its slots (Adam: first and second moment). */
  slots: { shape: number[]; values: Float32Array }[];
}

function optimizerOf(model: Tf.LayersModel): Tf.Optimizer | undefined {
  return (model as { optimizer?: Tf.Optimizer }).optimizer;
}

/** How the model was compiled, as Keras writes it; undefined where Keras could not do the same. */
export function toCompileConfig(model: Tf.LayersModel): Json | undefined {
  const optimizer = optimizerOf(model);
  const kind = optimizer === undefined ? undefined : OPTIMIZERS[optimizer.getClassName()];
  const { loss, metrics = [] } = model as { loss?: unknown; metrics?: unknown };
  if (optimizer === undefined || kind === undefined || typeof loss !== 'string') return undefined;
  const names = Array.isArray(metrics) ? metrics : [metrics];
  if (!names.every((name) => typeof name === 'string')) return undefined;
  const config = optimizer.getConfig() as Json;
  return {
    optimizer: {
      module: 'keras.optimizers',
      class_name: kind.keras,
      config: Object.fromEntries(Object.entries(kind.properties).map(([own, keras]) => [keras, config[own]])),
      registered_name: null,
    },
    loss: snake(loss),
    loss_weights: (model as { lossWeights?: number[] | null }).lossWeights ?? null,
    metrics: names.map((name) => METRICS[name] ?? snake(name)),
    weighted_metrics: null,
    run_eagerly: false,
    steps_per_execution: 1,
    jit_compile: false,
  };
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
  if (iterations === undefined || variables.length < slots * trainable) return undefined;
  const rate = Number(config['learningRate']);
  const ordered: OptimizerState['slots'] = [];
  // tfjs: all of the first kind, then all of the second. Keras: all kinds of the first weight, and so on.
  for (let weight = 0; weight < trainable; weight++) {
    for (let slot = 0; slot < slots; slot++) {
      const { tensor } = variables[slot * trainable + weight] as { tensor: Tf.Tensor };
      const values = Float32Array.from((await tensor.data()) as Float32Array);
      // Keras's velocity carries the learning rate and the sign of the step.
      if (optimizer.getClassName() === 'Momentum')
        for (let i = 0; i < values.length; i++) values[i] = -rate * (values[i] as number);
      ordered.push({ shape: tensor.shape, values });
    }
  }
  const count = Number((await iterations.tensor.data())[0]);
  iterations.tensor.dispose();
  return { iterations: count, learningRate: rate, slots: ordered };
}

/**
 * Compiles a model as Keras had it.
 *
 * @returns what could not be taken over, in words; undefined when all was.
 */
export async function compileFromKeras(
  tf: Tfjs,
  model: Tf.LayersModel,
  config: Json | undefined | null,
  state: OptimizerState | undefined,
): Promise<string | undefined> {
  if (config === undefined || config === null) return undefined;
  const { class_name: className, config: options } = (config['optimizer'] ?? {}) as {
    class_name?: string;
    config?: Json;
  };
  const loss = lossName(config['loss']);
  const metrics = (config['metrics'] ?? []) as unknown[];
  const lossWeights = config['loss_weights'] as number[] | Record<string, number> | null | undefined;
  if (options === undefined || className === undefined || loss === undefined) {
    return 'its optimizer or loss has no name; compile the model before training it';
  }
  const extra = Object.keys(USUAL_OPTIONS).find(
    (key) => options[key] !== undefined && options[key] !== null && options[key] !== USUAL_OPTIONS[key],
  );
  if (extra !== undefined) {
    return `its optimizer has ${extra} ${JSON.stringify(options[extra])}, which tfjs's has not; compile the model before training it`;
  }
  const rate = state?.learningRate ?? options['learning_rate'];
  if (typeof rate !== 'number')
    return 'its learning rate is a schedule; compile the model before training it';
  const optimizer = newOptimizer(tf, className, options, rate);
  if (optimizer === undefined)
    return `tfjs has no optimizer ${className}; compile the model before training it`;
  try {
    model.compile({
      optimizer,
      loss,
      ...(lossWeights === undefined || lossWeights === null ? {} : { lossWeights }),
      metrics: metrics.filter((name) => typeof name === 'string').map((name) => camel(name)),
    });
  } catch (error) {
    // tfjs takes the optimizer before it finds that the rest does not fit.
    Reflect.set(model, 'optimizer_', undefined);
    return `${error instanceof Error ? error.message : String(error)}; compile the model before training it`;
  }
  return restoreState(tf, model, optimizer, state);
}

/** tfjs's name of a loss that Keras has as a name, or as an object with nothing set. */
function lossName(loss: unknown): string | undefined {
  if (typeof loss === 'string') return LOSSES[loss] ?? camel(loss);
  const { class_name: className, config } = (loss ?? {}) as { class_name?: unknown; config?: Json };
  if (typeof className !== 'string' || config?.['from_logits'] === true) return undefined;
  return className.charAt(0).toLowerCase() + className.slice(1);
}

/** Options of Keras's optimizers that tfjs's lack, with the values at which both do the same. */
const USUAL_OPTIONS: Readonly<Record<string, unknown>> = {
  amsgrad: false,
  clipnorm: null,
  clipvalue: null,
  ema_overwrite_frequency: null,
  global_clipnorm: null,
  gradient_accumulation_steps: null,
  loss_scale_factor: null,
  use_ema: false,
  weight_decay: 0,
};

function newOptimizer(tf: Tfjs, className: string, options: Json, rate: number): Tf.Optimizer | undefined {
  const number = (key: string, otherwise: number): number =>
    typeof options[key] === 'number' ? options[key] : otherwise;
  switch (className) {
    case 'SGD':
      return number('momentum', 0) === 0
        ? tf.train.sgd(rate)
        : tf.train.momentum(rate, number('momentum', 0), options['nesterov'] === true);
    case 'Adam':
      return tf.train.adam(rate, number('beta_1', 0.9), number('beta_2', 0.999), number('epsilon', 1e-7));
    case 'RMSprop':
      return tf.train.rmsprop(
        rate,
        number('rho', 0.9),
        number('momentum', 0),
        number('epsilon', 1e-7),
        options['centered'] === true,
      );
    default:
      return undefined;
  }
}

/** Gives an optimizer the state it was saved with. @returns why it could not, in words. */
export async function restoreState(
  tf: Tfjs,
  model: Tf.LayersModel,
  optimizer: Tf.Optimizer,
  state: OptimizerState | undefined,
): Promise<string | undefined> {
  if (state === undefined) return undefined;
  const className = optimizer.getClassName();
  const config = optimizer.getConfig() as Json;
  const slots = OPTIMIZERS[className]?.slots(config);
  if (slots === undefined) return `the state of an optimizer ${className} is not kept`;
  const weights = model.trainableWeights;
  if (state.slots.length !== slots * weights.length) {
    return `its optimizer state has ${state.slots.length} parts instead of ${slots * weights.length}; training goes on without it`;
  }
  const named: { name: string; tensor: Tf.Tensor }[] = [
    { name: 'iter', tensor: tf.scalar(state.iterations, 'int32') },
  ];
  const suffixes =
    { Adam: ['m', 'v'], Momentum: ['momentum'], RMSProp: ['rms', 'momentum', 'mg'] }[className] ?? [];
  for (let slot = 0; slot < slots; slot++) {
    for (const [index, weight] of weights.entries()) {
      const { shape, values } = state.slots[index * slots + slot] as OptimizerState['slots'][number];
      const own = className === 'Momentum' ? values.map((value) => -value / state.learningRate) : values;
      named.push({ name: `${weight.originalName}/${suffixes[slot] ?? slot}`, tensor: tf.tensor(own, shape) });
    }
  }
  // tfjs expects a momentum for each weight even where it is 0.
  if (className === 'RMSProp' && config['momentum'] === 0) {
    for (const weight of weights)
      named.push({ name: `${weight.originalName}/momentum`, tensor: tf.zeros(weight.shape as number[]) });
  }
  await optimizer.setWeights(named);
  return undefined;
}

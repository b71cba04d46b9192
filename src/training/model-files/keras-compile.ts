import type * as Tf from '@tensorflow/tfjs';
import type { Json } from './keras-layers.ts';
import { fromKerasOptimizer, restoreState, toKerasOptimizer } from './keras-optimizers.ts';
import type { OptimizerState } from './keras-optimizers.ts';

type Tfjs = typeof Tf;

/** tfjs's names of losses and metrics, where Keras's are not the same in snake case. */
const TO_KERAS: Readonly<Record<string, string>> = {
  acc: 'accuracy',
  MSE: 'mse',
  MAE: 'mae',
  MAPE: 'mape',
  logcosh: 'log_cosh',
  kullbackLeiblerDivergence: 'kl_divergence',
};

/** Keras's names of losses, where tfjs's are not the same in camel case. */
const LOSSES: Readonly<Record<string, string>> = {
  mse: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  mape: 'meanAbsolutePercentageError',
  msle: 'meanSquaredLogarithmicError',
  bce: 'binaryCrossentropy',
  kld: 'kullbackLeiblerDivergence',
  kl_divergence: 'kullbackLeiblerDivergence',
  log_cosh: 'logcosh',
  cosine_similarity: 'cosineProximity',
};

/** Keras's names of metrics, where tfjs's are not the same in camel case. */
const METRICS: Readonly<Record<string, string>> = {
  log_cosh: 'logcosh',
  kl_divergence: 'kullbackLeiblerDivergence',
  kld: 'kullbackLeiblerDivergence',
  msle: 'meanSquaredLogarithmicError',
};

/** Options of losses and metrics that tfjs's lack, with the values at which both do the same. */
const USUAL_OPTIONS: Readonly<Record<string, unknown>> = {
  axis: -1,
  class_id: null,
  delta: 1,
  dtype: 'float32',
  from_logits: false,
  ignore_class: null,
  k: 5,
  label_smoothing: 0,
  reduction: 'sum_over_batch_size',
  threshold: 0.5,
  thresholds: null,
  top_k: null,
};

/** tfjs's losses, which are metrics too. */
const KNOWN_LOSSES = [
  'binaryCrossentropy',
  'categoricalCrossentropy',
  'categoricalHinge',
  'cosineProximity',
  'hinge',
  'huber',
  'kullbackLeiblerDivergence',
  'logcosh',
  'meanAbsoluteError',
  'meanAbsolutePercentageError',
  'meanSquaredError',
  'meanSquaredLogarithmicError',
  'poisson',
  'sparseCategoricalCrossentropy',
  'squaredHinge',
];

/** tfjs's metrics that are no losses. */
const KNOWN_METRICS = [
  'acc',
  'accuracy',
  'binaryAccuracy',
  'categoricalAccuracy',
  'cosineSimilarity',
  'mae',
  'mape',
  'mse',
  'precision',
  'recall',
  'sparseCategoricalAccuracy',
  'sparseTopKCategoricalAccuracy',
  'topKCategoricalAccuracy',
];

/** Keras has no such metric: the proximity has the other sign than its similarity, and Huber's is a loss alone. */
const LOSSES_ALONE = new Set(['cosineProximity', 'cosine', 'huber']);

const KNOWN = {
  loss: new Set(KNOWN_LOSSES),
  metric: new Set([...KNOWN_LOSSES, ...KNOWN_METRICS].filter((name) => !LOSSES_ALONE.has(name))),
};

function snake(name: string): string {
  return TO_KERAS[name] ?? name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Keras's name in snake case of a class: `CategoricalCrossentropy`, `KLDivergence`. */
function nameOfClass(className: string): string {
  return className
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** The same form with each name changed: a name, a list, or an object by the names of outputs. What becomes undefined is left out. */
function eachName(value: unknown, change: (name: unknown) => unknown): unknown {
  const known = (inner: unknown): boolean => inner !== undefined;
  if (Array.isArray(value)) return value.map((inner) => eachName(inner, change)).filter(known);
  if (isJson(value) && typeof value['class_name'] !== 'string') {
    const entries = Object.entries(value).map(([key, inner]) => [key, eachName(inner, change)] as const);
    return Object.fromEntries(entries.filter(([, inner]) => known(inner)));
  }
  return change(value);
}

/** How the model was compiled, as Keras writes it, or why Keras could not do the same; undefined where it was not. */
export function toCompileConfig(model: Tf.LayersModel): Json | string | undefined {
  const optimizer = toKerasOptimizer(model);
  if (optimizer === undefined || typeof optimizer === 'string') return optimizer;
  const { loss, metrics } = model as { loss?: unknown; metrics?: unknown };
  let unknown: string | undefined;
  const inKeras = (what: string, name: unknown): unknown => {
    if (typeof name === 'string') return snake(name);
    unknown = `${what} is a function, which has no name in Keras`;
    return name;
  };
  const config = {
    optimizer,
    // Keras's cosine similarity as a loss has the sign of tfjs's proximity.
    loss: eachName(loss, (name) =>
      name === 'cosineProximity' ? 'cosine_similarity' : inKeras('its loss', name),
    ),
    loss_weights: (model as { lossWeights?: number[] | null }).lossWeights ?? null,
    metrics: eachName(metrics ?? [], (name) => {
      if (LOSSES_ALONE.has(name as string)) unknown = `Keras has no metric ${name as string}`;
      return inKeras('one of its metrics', name);
    }),
    weighted_metrics: null,
    run_eagerly: false,
    steps_per_execution: 1,
    jit_compile: false,
  };
  return unknown ?? config;
}

/** What a saved name, function or object of a loss or metric is in tfjs, or why it is nothing there. */
function readName(
  kind: 'loss' | 'metric',
  value: unknown,
  names: Readonly<Record<string, string>>,
): { name: string } | { problem: string } {
  const { class_name: className, config } = (value ?? {}) as { class_name?: unknown; config?: unknown };
  const isFunction = className === 'function' && typeof config === 'string';
  // Keras 2 wraps functions: MeanMetricWrapper, LossFunctionWrapper.
  const wrapped = isJson(config) && typeof config['fn'] === 'string' ? config['fn'] : undefined;
  const given = typeof value === 'string' ? value : isFunction ? config : (wrapped ?? className);
  if (typeof given !== 'string') return { problem: `its ${kind} has no name` };
  const inKeras = given === className ? nameOfClass(given) : given;
  const name = names[inKeras] ?? camel(inKeras);
  if (!KNOWN[kind].has(name)) return { problem: `tfjs has no ${kind} ${given}` };
  if (!isJson(config)) return { name };
  for (const [option, set] of Object.entries(config)) {
    // A policy of dtypes is an object of Keras's own.
    const plain = option === 'dtype' && isJson(set) ? (set['config'] as Json | undefined)?.['name'] : set;
    const usual = USUAL_OPTIONS[option] === plain || (option === 'reduction' && plain === 'auto');
    if (option === 'name' || option === 'fn' || plain === null || plain === undefined || usual) continue;
    return { problem: `its ${kind} ${given} has ${option} ${JSON.stringify(plain)}, which tfjs's has not` };
  }
  return { name };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
  const lost: string[] = [];
  const optimizer = readOptimizer(tf, config, state);
  if (typeof optimizer === 'string') return `${optimizer}; compile the model before training it`;
  const loss = eachName(config['loss'], (value) => {
    const read = readName('loss', value, LOSSES);
    if ('problem' in read) lost.push(read.problem);
    return 'name' in read ? read.name : undefined;
  });
  if (lost.length > 0) return `${lost.join('; ')}; compile the model before training it`;
  const metrics = readMetrics(config['metrics'] ?? [], lost);
  const weighted = config['weighted_metrics'];
  if (Array.isArray(weighted) ? weighted.length > 0 : weighted !== null && weighted !== undefined)
    lost.push('its weighted metrics are left out');
  const lossWeights = config['loss_weights'] as number[] | Record<string, number> | null | undefined;
  try {
    model.compile({
      optimizer,
      loss: loss as string,
      ...(lossWeights === undefined || lossWeights === null ? {} : { lossWeights }),
      metrics: metrics as string[],
    });
  } catch (error) {
    // tfjs takes the optimizer before it finds that the rest does not fit.
    Reflect.set(model, 'optimizer_', undefined);
    return `${error instanceof Error ? error.message : String(error)}; compile the model before training it`;
  }
  const { class_name: className, config: options } = config['optimizer'] as {
    class_name: string;
    config: Json;
  };
  // The update op with a momentum adds it below the root.
  if (className === 'RMSprop' && state?.older === true && (options['momentum'] ?? 0) === 0)
    lost.push(
      "the RMSprop of this version of Keras adds epsilon to the root, tfjs's below it: steps differ a little from Keras's",
    );
  const stateLost = await restoreState(tf, model, optimizer, state);
  if (stateLost !== undefined) lost.push(stateLost);
  return lost.length === 0 ? undefined : lost.join('; ');
}

function readOptimizer(
  tf: Tfjs,
  config: Json,
  state: OptimizerState | undefined,
): ReturnType<typeof fromKerasOptimizer> {
  const { class_name: className, config: options } = (config['optimizer'] ?? {}) as {
    class_name?: string;
    config?: Json;
  };
  if (options === undefined || className === undefined) return 'its optimizer has no name';
  const rate = state?.learningRate ?? options['learning_rate'];
  if (typeof rate !== 'number') return 'its learning rate is a schedule';
  return fromKerasOptimizer(tf, className, options, rate);
}

/** Metrics in the same form, without those that tfjs does not have, which are named in `lost`. */
function readMetrics(value: unknown, lost: string[]): unknown {
  return eachName(value, (inner) => {
    // Keras's list for several outputs has null where an output has none.
    if (inner === null || inner === undefined) return [];
    const name = readName('metric', inner, METRICS);
    if ('problem' in name) lost.push(`${name.problem}: it is left out`);
    return 'name' in name ? name.name : undefined;
  });
}

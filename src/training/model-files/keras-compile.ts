import type * as Tf from '@tensorflow/tfjs';
import type { Json } from './keras-layers.ts';
import { tfInternals } from '../../tfjs/instance.ts';
import { fromKerasOptimizer, restoreState, toKerasOptimizer } from './keras-optimizers.ts';
import { foreignName } from './keras-origin.ts';
import type { OptimizerState } from './keras-optimizers.ts';

type Tfjs = typeof Tf;

/** Keras's names of losses and metrics, where they are not ours in snake case. */
const TO_KERAS: Readonly<Record<string, string>> = {
  acc: 'accuracy',
  MSE: 'mse',
  MAE: 'mae',
  MAPE: 'mape',
  logcosh: 'log_cosh',
  kullbackLeiblerDivergence: 'kl_divergence',
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

/** Keras has no such metric: the proximity has the other sign than its similarity, and Huber's is a loss alone. */
const LOSSES_ALONE = new Set(['cosineProximity', 'cosine', 'huber']);

/** Names of metrics that `compile` replaces by others, depending on the output's shape. */
const BY_SHAPE = new Set(['acc', 'accuracy', 'ce', 'crossentropy']);

/** Classes whose name in snake case is that of another metric: Keras's `Accuracy` counts equal numbers. */
const OTHER_CLASSES = new Set(['Accuracy']);

/** The name here of a loss or metric with a name of Keras or of tfjs; undefined where there is none. */
function nameHere(tf: Tfjs, kind: 'loss' | 'metric', name: string): string | undefined {
  const { losses, metrics } = tfInternals(tf as Parameters<typeof tfInternals>[0]);
  if (kind === 'loss') return losses.knownName(name, losses.lossesMap);
  if (BY_SHAPE.has(name)) return name;
  const known = losses.knownName(name, metrics.metricsMap);
  if (known === undefined || LOSSES_ALONE.has(known)) return undefined;
  // Logs have the name that was given, but for snake case.
  return name.includes('_') ? known : name;
}

function snake(name: string): string {
  return TO_KERAS[name] ?? nameOfClass(name);
}

/** In snake case: `CategoricalCrossentropy`, `KLDivergence`, `topKCategoricalAccuracy`. */
function nameOfClass(className: string): string {
  return className
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** The same form with each name changed: a name, a list, or an object by the names of outputs. Names that become undefined are left out. */
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
export function toCompileConfig(tf: Tfjs, model: Tf.LayersModel): Json | string | undefined {
  const optimizer = toKerasOptimizer(model);
  if (optimizer === undefined || typeof optimizer === 'string') return optimizer;
  const { loss, metrics } = model as { loss?: unknown; metrics?: unknown };
  let unknown: string | undefined;
  const inKeras = (what: string, name: unknown): unknown => {
    // An output may have no loss, and no metrics.
    if (name === null || name === undefined) return null;
    if (typeof name === 'string') return snake(name);
    unknown = `${what} is a function, which Keras does not know by name`;
    return name;
  };
  const config = {
    optimizer,
    // Keras's cosine similarity as a loss has the sign of tfjs's proximity.
    loss: eachName(loss, (name) =>
      typeof name === 'string' && nameHere(tf, 'loss', name) === 'cosineProximity'
        ? 'cosine_similarity'
        : inKeras('its loss', name),
    ),
    loss_weights: (model as { lossWeights?: number[] | null }).lossWeights ?? null,
    metrics: eachName(metricsInKeras(metrics, model.outputs.length), (given) => {
      // `tf.metrics.meanAbsoluteError` has a name in Keras, too.
      const name = Object.entries(tf.metrics).find(([, metric]) => metric === given)?.[0] ?? given;
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

/** Metrics in a form that means the same to Keras, which takes no list for all of several outputs. */
function metricsInKeras(metrics: unknown, outputs: number): unknown {
  if (metrics === undefined || metrics === null) return [];
  if (isJson(metrics)) return metrics;
  const list = Array.isArray(metrics) ? (metrics as unknown[]) : [metrics];
  if (list.length === 0 || outputs === 1 || (Array.isArray(metrics) && list.length === outputs)) return list;
  return Array.from({ length: outputs }, () => list);
}

/** The counterpart in tfjs of a saved name, function or object of a loss or metric, or why it has none. */
function readName(tf: Tfjs, kind: 'loss' | 'metric', value: unknown): { name: string } | { problem: string } {
  const { class_name: className, config } = (value ?? {}) as { class_name?: unknown; config?: unknown };
  const isFunction = className === 'function' && typeof config === 'string';
  // Keras 2 wraps functions: MeanMetricWrapper, LossFunctionWrapper.
  const wrapped = isJson(config) && typeof config['fn'] === 'string' ? config['fn'] : undefined;
  const given = typeof value === 'string' ? value : isFunction ? config : (wrapped ?? className);
  if (typeof given !== 'string') return { problem: `its ${kind} has no name` };
  const foreign = foreignName(value);
  if (foreign !== undefined) return { problem: `its ${kind} ${foreign} is Python code` };
  const inKeras = given === className ? nameOfClass(given) : given;
  const name = given === className && OTHER_CLASSES.has(given) ? undefined : nameHere(tf, kind, inKeras);
  if (name === undefined) return { problem: `tfjs has no ${kind} ${given}` };
  if (!isJson(config)) return { name };
  for (const [option, set] of Object.entries(config)) {
    // A policy of dtypes is an object of Keras's own.
    const plain = option === 'dtype' && isJson(set) ? (set['config'] as Json | undefined)?.['name'] : set;
    const usual = USUAL_OPTIONS[option] === plain || (option === 'reduction' && plain === 'auto');
    if (option === 'name' || option === 'fn' || plain === null || plain === undefined || usual) continue;
    return {
      problem: `its ${kind} ${given} has ${option} ${JSON.stringify(plain)}, which tfjs does not support`,
    };
  }
  return { name };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * How a model was compiled, by the names of its outputs here: those of a model that gives a dictionary have the keys of that as
 * names in Keras, and those of their layers here.
 */
export function byOutputNames<Config extends Json | undefined>(
  model: Tf.LayersModel,
  { config }: Json,
  compile: Config,
): Config {
  const outputs = (config as Json | undefined)?.['output_layers'];
  if (compile === undefined || !isJson(outputs)) return compile;
  // The order in which Keras flattens it, and the builder the outputs.
  const keys = Object.keys(outputs).sort();
  if (keys.length !== model.outputs.length) return compile;
  const renamed = (value: unknown): unknown =>
    isJson(value) && typeof value['class_name'] !== 'string'
      ? Object.fromEntries(
          Object.entries(value).map(([key, one]) => [model.outputNames[keys.indexOf(key)] ?? key, one]),
        )
      : value;
  const parts = ['loss', 'loss_weights', 'metrics'].map((part) => [part, renamed(compile[part])] as const);
  return { ...compile, ...Object.fromEntries(parts) };
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
  // Keras 3.15 writes an empty object for a model that was not compiled.
  if (config === undefined || config === null || Object.keys(config).length === 0) return undefined;
  const lost: string[] = [];
  const optimizer = readOptimizer(tf, config, state);
  if (typeof optimizer === 'string') return `${optimizer}; compile the model before training it`;
  if (config['loss'] === null || config['loss'] === undefined)
    return 'its loss has no name; compile the model before training it';
  const loss = eachName(config['loss'], (value) => {
    // An output without a loss.
    if (value === null) return null;
    const read = readName(tf, 'loss', value);
    if ('problem' in read) lost.push(read.problem);
    return 'name' in read ? read.name : undefined;
  });
  if (lost.length > 0) return `${lost.join('; ')}; compile the model before training it`;
  const metrics = readMetrics(tf, config['metrics'] ?? [], model.outputs.length, lost);
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
  const foreign = foreignName(config['optimizer']);
  if (foreign !== undefined) return `its optimizer ${foreign} is Python code`;
  const rate = state?.learningRate ?? options['learning_rate'];
  if (typeof rate !== 'number') return 'its learning rate is a schedule';
  return fromKerasOptimizer(tf, className, options, rate);
}

/** Metrics in the same form, without those that tfjs does not have, which are named in `lost`. */
function readMetrics(tf: Tfjs, value: unknown, outputs: number, lost: string[]): unknown {
  const read = (part: unknown): unknown =>
    eachName(part, (inner) => {
      // Keras's list for several outputs has null where an output has none.
      if (inner === null || inner === undefined) return [];
      const name = readName(tf, 'metric', inner);
      if ('problem' in name) lost.push(`${name.problem}: it is left out`);
      return 'name' in name ? name.name : undefined;
    });
  // One entry for each output: what is left out must not move the others.
  if (Array.isArray(value) && outputs > 1 && value.length === outputs)
    return value.map((part: unknown) => read(part) ?? []);
  return read(value);
}

import type * as Tf from '@tensorflow/tfjs';
import { installLayers } from '../../layers/install.ts';
import { registered } from '../../layers/registry.ts';
import { malformed, unsupported } from './errors.ts';
import { ATTENTION, attentionFromKeras, attentionOptions, type AttentionCall } from './keras-attention.ts';
import { camelCase, fromKerasLayer } from './keras-layers.ts';
import type { Json } from './keras-layers.ts';
import { refuseForeign } from './keras-origin.ts';
import { WITH_STATES } from './keras-properties.ts';
import { MaskTracker } from './keras-masks.ts';
import { rememberOrder } from './keras-weights.ts';

type Layer = Tf.layers.Layer;
type Symbolic = Tf.SymbolicTensor;

/** A layer or a model as Keras writes it. */
interface Part {
  class_name?: string;
  module?: unknown;
  name?: string;
  config?: Json;
  registered_name?: string | null;
  build_config?: Json;
  inbound_nodes?: unknown[];
}

/**
 * Models inside of models come with what a registered Python class is called; those of Keras's own have their class's
 * name, or none.
 */
const MODELS: ReadonlySet<unknown> = new Set(['Functional', 'Model', 'Sequential']);

/** Makes the model that a configuration of Keras describes. @throws ModelFileError naming what does not fit. */
export function buildModel(tf: typeof Tf, part: Part, file: string): Tf.LayersModel {
  const { class_name: className, config } = part;
  const layers = config?.['layers'];
  if (config === undefined || !Array.isArray(layers))
    throw malformed(`${file}: its config.json does not describe a model`);
  // Subclassed models are Python code; a registered name says so.
  refuseForeign(`${file}: model ${String(config['name'])}`, part);
  if (!MODELS.has(className)) {
    throw unsupported(`${file} holds a ${String(className)}; only Sequential and Functional models are data`);
  }
  const model =
    className === 'Sequential'
      ? buildSequential(tf, part, layers as Part[], file)
      : buildFunctional(tf, config, layers as Part[], file);
  // Each layer inside has its own: one that was set back in a frozen model is trained. The setter would freeze all.
  if (config['trainable'] === false) Reflect.set(model, 'trainable_', false);
  return model;
}

function inputShapeOf(config: Json | undefined): unknown {
  return config?.['batch_shape'] ?? config?.['batch_input_shape'];
}

function buildSequential(tf: typeof Tf, part: Part, layers: Part[], file: string): Tf.LayersModel {
  const config = part.config as Json;
  const model = tf.sequential({ name: config['name'] as string });
  const order: Layer[] = [];
  if (layers[0]?.class_name !== 'InputLayer') {
    // Keras notes the shape that a model was built with where it has no input of its own.
    const shape =
      inputShapeOf(layers[0]?.config) ?? config['build_input_shape'] ?? part.build_config?.['input_shape'];
    if (!Array.isArray(shape)) {
      throw unsupported(
        `${file}: model ${String(config['name'])} was never built: give it an Input, or call it once, before saving it`,
      );
    }
    model.add(tf.layers.inputLayer({ batchInputShape: shape as number[], dtype: dtypeOf(layers[0]) }));
  }
  for (const each of layers) {
    const layer = buildLayer(tf, each, file);
    if (each.class_name !== 'InputLayer') order.push(layer);
    model.add(layer);
  }
  rememberOrder(model, order);
  return model;
}

/** Tokens are whole numbers; everything else is float32 here. */
function dtypeOf(part: Part | undefined): 'int32' | 'float32' {
  return part?.class_name === 'Embedding' ? 'int32' : 'float32';
}

function inputLayer(tf: typeof Tf, config: Json): Layer {
  const shape = inputShapeOf(config);
  const dtype = config['dtype'] ?? 'float32';
  const known = { float32: 'float32', int32: 'int32', int64: 'int32', uint8: 'int32', bool: 'bool' }[
    typeof dtype === 'string' ? dtype : ''
  ];
  if (!Array.isArray(shape) || known === undefined) {
    throw unsupported(
      `layer ${String(config['name'])} of class InputLayer: ${Array.isArray(shape) ? `dtype ${JSON.stringify(dtype)}` : 'a missing shape'} is not supported here`,
    );
  }
  if (config['sparse'] === true || config['ragged'] === true)
    throw unsupported(
      `layer ${String(config['name'])} of class InputLayer: sparse and ragged inputs are not supported here`,
    );
  return tf.layers.inputLayer({
    batchInputShape: shape as number[],
    dtype: known as 'float32',
    name: config['name'] as string,
  });
}

/** Makes a layer, or a model in a layer's place, with what is inside of it. @throws ModelFileError */
function buildLayer(tf: typeof Tf, part: Part, file: string, more: Json = {}): Layer {
  const { class_name: className = '', config = {} } = part;
  refuseForeign(`layer ${String(config['name'])} of class ${className}`, part);
  if (className === 'InputLayer') return inputLayer(tf, config);
  if (MODELS.has(className)) return buildModel(tf, part, file);
  const own = fromKerasLayer(className, config, (inner) => buildLayer(tf, inner, file));
  const arguments_ = { ...(inCamelCase(own) as Json), ...more };
  const made = (installLayers(tf)[className] ?? registered(tf, className)) as unknown as new (
    given: Json,
  ) => Layer;
  checkStackedStates(className, config);
  try {
    return new made(arguments_);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const name = String(config['name']);
    throw unsupported(
      message.includes(name) ? message : `layer ${name} of class ${className}: ${message}`,
      error,
    );
  }
}

/** tfjs returns the states of stacked cells from the last cell to the first. */
function checkStackedStates(className: string, config: Json): void {
  const cell = (config['cell'] as Part | undefined)?.class_name;
  if (className === 'RNN' && cell === 'StackedRNNCells' && config['return_state'] === true) {
    throw unsupported(
      `layer ${String(config['name'])} of class RNN: return_state of StackedRNNCells is not supported here`,
    );
  }
}

/** Keys, and strings but for names, in camel case; objects that were made already stay as they are. */
function inCamelCase(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return key === 'name' || key === 'className' ? value : camelCase(value);
  if (Array.isArray(value)) return value.map((item) => inCamelCase(item));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(
    Object.entries(value).map(([inner, item]) => [camelCase(inner), inCamelCase(item, camelCase(inner))]),
  );
}

/** Where a tensor comes from: layer, call of the layer, output of the call. */
type Source = [layer: string, node: number, tensor: number];

/** What one call of a layer, or of an op, takes. */
interface Call {
  inputs: Source[];
  /** Where a mask comes from that is handed over by name; null where none is on purpose. */
  mask?: Source | null | undefined;
  /** Plain values in addition to tensors: ops have them. */
  values: unknown[];
  /** What this call means for the layer. */
  options?: AttentionCall['options'];
}

/** A layer, or an op, with its calls. */
interface Node {
  part: Part;
  name: string;
  layer: Layer | undefined;
  calls: Call[];
  done: number;
  /** The number of the first call: Keras and tfjs count a model's own output too, but not everywhere. */
  first: number;
}

function buildFunctional(tf: typeof Tf, config: Json, parts: Part[], file: string): Tf.LayersModel {
  const made = new Map<string, Symbolic>();
  const nodes = parts.map((part): Node => {
    const name = part.name ?? String(part.config?.['name']);
    const isOp = MaskTracker.isOp(part);
    const readCalls = (): Call[] => (part.inbound_nodes ?? []).map((node) => callOf(part, node, isOp));
    const options = part.class_name === ATTENTION ? readCalls().flatMap((call) => call.options ?? []) : [];
    const layer = isOp ? undefined : buildLayer(tf, part, file, attentionOptions(name, options));
    const calls = readCalls();
    if (part.class_name === 'InputLayer') keep(made, name, 0, (layer as Layer).output);
    return { part, name, layer, calls, done: 0, first: 0 };
  });
  numberCalls(nodes, sources(config['output_layers']));
  applyAll(nodes, made, file);
  const tensors = (value: unknown): Symbolic[] =>
    sources(value).map((source) => {
      const tensor = made.get(source.join('/'));
      if (tensor === undefined) throw malformed(`${file}: no layer makes the tensor ${source.join('/')}`);
      return tensor;
    });
  const model = tf.model({
    name: config['name'] as string,
    inputs: tensors(config['input_layers']),
    outputs: tensors(config['output_layers']),
  });
  // What belongs to the model, in the order in which Keras counts weights.
  rememberOrder(
    model,
    nodes.flatMap(({ layer }) => (layer === undefined ? [] : [layer])),
  );
  return model;
}

/** The last call of a layer is always used: what refers to it tells where the numbers begin. */
function numberCalls(nodes: readonly Node[], outputs: readonly Source[]): void {
  const used = [...outputs, ...nodes.flatMap(({ calls }) => calls.flatMap(({ inputs }) => inputs))];
  for (const node of nodes) {
    if (!MODELS.has(node.part.class_name)) continue;
    const last = used.reduce((most, [name, index]) => (name === node.name ? Math.max(most, index) : most), 0);
    node.first = Math.max(0, last - (node.calls.length - 1));
  }
}

function keep(made: Map<string, Symbolic>, name: string, node: number, outputs: Symbolic | Symbolic[]): void {
  for (const [index, tensor] of (Array.isArray(outputs) ? outputs : [outputs]).entries())
    made.set([name, node, index].join('/'), tensor);
}

/** Calls layers as soon as their inputs are there, each layer's calls in their own order: calls have numbers. */
function applyAll(nodes: readonly Node[], made: Map<string, Symbolic>, file: string): void {
  const masks = new MaskTracker();
  const known = new Set<string>(made.keys());
  const ready = ({ inputs, mask }: Call): boolean =>
    [...inputs, ...(mask === undefined || mask === null ? [] : [mask])].every((source) =>
      known.has(source.join('/')),
    );
  for (let moved = true; moved;) {
    moved = false;
    for (const node of nodes) {
      for (; node.done < node.calls.length && ready(node.calls[node.done] as Call); node.done++) {
        applyOne(node, node.calls[node.done] as Call, made, masks);
        const call = `${node.name}/${node.first + node.done}/`;
        const outputs = [...made.keys()].filter((key) => key.startsWith(call));
        for (const key of [...outputs, `${call}0`]) known.add(key);
        moved = true;
      }
    }
  }
  const waiting = nodes.find(({ done, calls }) => done < calls.length);
  if (waiting !== undefined)
    throw malformed(`${file}: layer ${waiting.name} waits for an output that no layer makes`);
  masks.checkAttention();
}

function applyOne(node: Node, call: Call, made: Map<string, Symbolic>, masks: MaskTracker): void {
  const { part, name, layer } = node;
  const number = node.first + node.done;
  const keys = call.inputs.map((source) => source.join('/'));
  const [first = ''] = keys;
  const output = `${name}/${number}/0`;
  if (layer === undefined) {
    masks.op(String(part.class_name), name, keys, call.values, part.config ?? {}, output);
    return;
  }
  masks.check(layer, first, call.mask === null ? null : call.mask?.join('/'));
  const inputs = keys.map((key) => made.get(key));
  if (inputs.includes(undefined)) {
    throw unsupported(
      `layer ${name} of class ${layer.getClassName()} computes with a mask as if it were a tensor, which is not supported here`,
    );
  }
  keep(made, name, number, applied(layer, inputs as Symbolic[]));
  masks.outputOf(layer, keys, output);
}

/** An error while a layer meets its input names the layer. */
function applied(layer: Layer, inputs: Symbolic[]): Symbolic | Symbolic[] {
  try {
    const outputs = layer.apply(inputs.length === 1 ? (inputs[0] as Symbolic) : inputs);
    // tfjs notes states as keywords too, and warns when it cannot write them: they are among the inputs.
    const { callArgs } = layer.inboundNodes.at(-1) as unknown as { callArgs?: Json };
    if (callArgs !== undefined) delete callArgs['initialState'];
    return outputs as Symbolic | Symbolic[];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw unsupported(
      message.includes(layer.name)
        ? message
        : `layer ${layer.name} of class ${layer.getClassName()}: ${message}`,
      error,
    );
  }
}

/** One reference stands by itself, several stand in a list, or under names. */
function sources(value: unknown): Source[] {
  if (Array.isArray(value)) {
    if (typeof value[0] === 'string' && typeof value[1] === 'number') return [value as Source];
    return value.flatMap((item) => sources(item));
  }
  if (typeof value === 'object' && value !== null) {
    const named = value as Json;
    return Object.keys(named)
      .sort()
      .flatMap((key) => sources(named[key]));
  }
  return [];
}

/** Layers that do the same whether they train or not, and that Keras calls as if they did. */
const PREPROCESSING: ReadonlySet<string> = new Set(['CenterCrop', 'Rescaling', 'Resizing', 'Normalization']);

/** Arguments that are the same as none. */
function isUsual(className: string, key: string, value: unknown): boolean {
  if (value === null) return true;
  if (key === 'training') return value === false || PREPROCESSING.has(className);
  return key === 'use_causal_mask' && value === false;
}

function callOf(part: Part, node: unknown, isOp: boolean): Call {
  const name = part.name ?? String(part.config?.['name']);
  const className = String(part.class_name);
  const refused = (key: string): Error =>
    unsupported(`layer ${name} of class ${className} was called with ${key}, which is not supported here`);
  // Keras 2: [[layer, node, tensor, keywords], …].
  if (Array.isArray(node)) {
    const inputs = node.map((reference: unknown): Source => {
      const [from, index, tensor, keywords] = reference as [string, number, number, Json?];
      for (const [key, value] of Object.entries(keywords ?? {}))
        if (!isUsual(className, key, value)) throw refused(key);
      return [from, index, tensor];
    });
    return { inputs, values: [] };
  }
  const { args, kwargs = {} } = node as { args: unknown; kwargs?: Json };
  if (className === ATTENTION) {
    const { tensors, options } = attentionFromKeras(name, args, kwargs);
    return { inputs: tensorsIn(tensors, []), values: [], options };
  }
  const values: unknown[] = [];
  const inputs = tensorsIn(args, values);
  if (values.length > 0 && !isOp) {
    throw unsupported(
      `layer ${name} of class ${className} takes ${JSON.stringify(values[0])} in addition to tensors, which is not supported here`,
    );
  }
  let mask: Source | null | undefined = kwargs['mask'] === null ? null : undefined;
  for (const [key, value] of Object.entries(kwargs)) {
    if (isUsual(className, key, value)) continue;
    const others: unknown[] = [];
    const tensors = tensorsIn(value, others);
    if (key === 'initial_state' && WITH_STATES.has(className)) inputs.push(...tensors);
    else if (key === 'mask' && tensors.length === 1 && others.length === 0) mask = tensors[0];
    else if (!isOp || tensors.length > 0) throw refused(key);
  }
  return { inputs, mask, values };
}

/** The tensors in a structure; what else there is goes to `values`. */
function tensorsIn(value: unknown, values: unknown[]): Source[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => tensorsIn(item, values));
  const { class_name: className, config } = value as { class_name?: unknown; config?: Json };
  if (className === '__keras_tensor__') return [config?.['keras_history'] as Source];
  values.push(value);
  return [];
}

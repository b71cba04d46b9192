import type * as Tf from '@tensorflow/tfjs';
import { layerFields } from '../../tfjs/layers-view.ts';
import { installLayers } from '../layers/install.ts';
import { layerClass } from '../layers/registry.ts';
import { malformed, unsupported } from './errors.ts';
import { ATTENTION, attentionOptions } from './keras-attention.ts';
import { callOf, keepCallOrder, sources, type Call, type Source } from './keras-calls.ts';
import { camelCase, fromKerasLayer } from './keras-layers.ts';
import type { Json } from './keras-layers.ts';
import { refuseForeign } from './keras-origin.ts';
import { WITH_STATES } from './keras-properties.ts';
import { bareOutputs } from './keras-mask-checks.ts';
import { MaskTracker } from './keras-masks.ts';
import { outputsInKeras, statesFromKeras } from './keras-states.ts';
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
  // Subclassed models are Python code; a registered name is a sign of them.
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
    // Keras notes the shape that a model was built with where it has no input layer.
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
  const made = installLayers(tf)[className] ?? layerClass(tf, className);
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

/** A layer, or an op, with its calls. */
interface Node {
  part: Part;
  name: string;
  layer: Layer | undefined;
  calls: Call[];
  done: number;
  /** The calls in tfjs, Nodes, in order. */
  made: object[];
  /** The number of the first call: Keras and tfjs count a model's own output too, but not everywhere. */
  first: number;
}

function buildFunctional(tf: typeof Tf, config: Json, parts: Part[], file: string): Tf.LayersModel {
  const made = new Map<string, Symbolic>();
  const nodes = parts.map((part): Node => {
    const name = part.name ?? String(part.config?.['name']);
    const isOp = MaskTracker.isOp(part);
    const readCalls = (): Call[] =>
      (part.inbound_nodes ?? []).map((node) => callOf(name, String(part.class_name), node, isOp));
    const options = part.class_name === ATTENTION ? readCalls().flatMap((call) => call.options ?? []) : [];
    const layer = isOp ? undefined : buildLayer(tf, part, file, attentionOptions(name, options));
    const calls = readCalls();
    if (part.class_name === 'InputLayer') keep(made, name, 0, [(layer as Layer).output].flat());
    return { part, name, layer, calls, done: 0, made: [], first: 0 };
  });
  const ends = numberCalls(nodes, sources(config['output_layers']));
  const masks = applyAll(nodes, made, file);
  const order = keepCallOrder(tf, nodes, ends);
  const keys = ends.map((end) => end.join('/'));
  const bare = bareOutputs(masks, order, keys);
  const tensors = (from: readonly Source[]): Symbolic[] =>
    from.map((source) => {
      const tensor = made.get(source.join('/'));
      if (tensor === undefined) throw malformed(`${file}: no layer makes the tensor ${source.join('/')}`);
      return tensor;
    });
  const model = tf.model({
    name: config['name'] as string,
    inputs: tensors(sources(config['input_layers'])),
    outputs: tensors(ends),
  });
  if (bare.length > 0) {
    const places = keys.flatMap((key, at) => (bare.includes(key) ? [at] : []));
    layerFields(model).unmaskedOutputs = places;
  }
  // The parts of the model, in the order in which Keras counts weights.
  rememberOrder(
    model,
    nodes.flatMap(({ layer }) => (layer === undefined ? [] : [layer])),
  );
  return model;
}

/**
 * Notes where the numbers of calls begin, and gives the outputs with the numbers that inputs have. Keras counts a model's own
 * output before its calls where it writes the outputs of the model around it, and nowhere else (`get_config` and
 * `serialize_node` in keras/src/models/functional.py); Keras 2 everywhere.
 */
function numberCalls(nodes: readonly Node[], outputs: readonly Source[]): Source[] {
  const inputs = nodes.flatMap(({ calls }) => calls.flatMap((call) => call.inputs));
  const offsets = new Map<string, number>();
  for (const node of nodes) {
    const { part, name, calls } = node;
    if (!MODELS.has(part.class_name)) continue;
    const beginning = (used: readonly Source[], usual: number): number => {
      const numbers = used.flatMap(([from, index]) => (from === name ? [index] : []));
      // The last call is used: what refers to it tells where the numbers begin.
      const least = Math.max(0, ...numbers) - (calls.length - 1);
      return Math.max(least, Math.min(usual, ...numbers), 0);
    };
    const isOld = Array.isArray(part.inbound_nodes?.[0]);
    node.first = beginning(isOld ? [...inputs, ...outputs] : inputs, 0);
    offsets.set(name, isOld ? 0 : node.first - beginning(outputs, part.class_name === 'Sequential' ? 0 : 1));
  }
  return outputs.map(([name, index, tensor]) => [name, index + (offsets.get(name) ?? 0), tensor]);
}

function keep(made: Map<string, Symbolic>, name: string, node: number, outputs: readonly Symbolic[]): void {
  for (const [index, tensor] of outputs.entries()) made.set([name, node, index].join('/'), tensor);
}

/** Calls layers as soon as their inputs are there, each layer's calls in their own order: calls have numbers. */
function applyAll(nodes: readonly Node[], made: Map<string, Symbolic>, file: string): MaskTracker {
  const masks = new MaskTracker((tensor) => made.get(tensor)?.shape.length);
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
  return masks;
}

function applyOne(node: Node, call: Call, made: Map<string, Symbolic>, masks: MaskTracker): void {
  const { part, name, layer } = node;
  const number = node.first + node.done;
  const keys = call.inputs.map((source) => source.join('/'));
  const output = `${name}/${number}/0`;
  if (layer === undefined) {
    masks.op(String(part.class_name), name, keys, call.values, part.config ?? {}, output);
    return;
  }
  masks.check(layer, keys, call.mask === null ? null : call.mask?.join('/'));
  const inputs = keys.map((key) => made.get(key));
  if (inputs.includes(undefined)) {
    throw unsupported(
      `layer ${name} of class ${layer.getClassName()} computes with a mask as if it were a tensor, which is not supported here`,
    );
  }
  const [input, ...states] = inputs as [Symbolic, ...Symbolic[]];
  const given = WITH_STATES.has(layer.getClassName())
    ? [input, ...statesFromKeras(layer, states)]
    : (inputs as Symbolic[]);
  const outputs = applied(layer, given);
  node.made.push(layer.inboundNodes.at(-1) as object);
  keep(made, name, number, outputsInKeras(layer, [outputs].flat()));
  masks.outputOf(layer, keys, output, call.mask !== undefined && call.mask !== null);
}

/** An error while a layer meets its input names the layer. */
function applied(layer: Layer, inputs: Symbolic[]): Symbolic | Symbolic[] {
  try {
    const outputs = layer.apply(inputs.length === 1 ? (inputs[0] as Symbolic) : inputs);
    // tfjs notes states as keywords too, and warns when it cannot write them: they are among the inputs.
    const callArgs = layerFields(layer).inboundNodes.at(-1)?.callArgs;
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

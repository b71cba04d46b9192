import type * as Tf from '@tensorflow/tfjs';
import { layerFields } from '../../tfjs/layers-view.ts';
import { unsupported } from './errors.ts';
import { toKerasLayer } from './keras-layers.ts';
import type { Json } from './keras-layers.ts';
import { ATTENTION, attentionToKeras } from './keras-attention.ts';
import { checkWritten } from './keras-mask-checks.ts';
import { MaskOps } from './keras-mask-ops.ts';
import { MaskTracker } from './keras-masks.ts';
import { MERGING, WITH_STATES } from './keras-properties.ts';
import { outputInKeras, statesToKeras } from './keras-states.ts';
import { layersInOrder } from './keras-weights.ts';

/** How Keras names its models, whichever class tfjs has for them. */
interface KerasModel {
  module: string;
  class_name: 'Sequential' | 'Functional';
  config: Json;
  registered_name: string | null;
  build_config?: Json;
  compile_config?: Json;
}

interface TopologyLayer {
  class_name: string;
  name?: string;
  config: Json;
  inbound_nodes?: NodeReference[][];
}

/** Layer, node, tensor, keyword arguments. */
type NodeReference = [string, number, number, Json?];

/** The configuration of a tfjs model as Keras 3 wants it. @throws ModelFileError naming the layer that does not fit. */
export function toKerasConfig(model: Tf.LayersModel): KerasModel {
  const topology = model.toJSON(null, false) as unknown as { class_name: string; config: Json };
  const layers = topology.config['layers'] as TopologyLayer[];
  return topology.class_name === 'Sequential'
    ? sequentialToKeras(model, String(topology.config['name']), layers)
    : functionalToKeras(model, topology.config, layers);
}

const MODELS: ReadonlySet<string> = new Set(['Functional', 'Model', 'Sequential']);

function inputLayer(name: string, shape: unknown, dtype: unknown): Json {
  return {
    module: 'keras.layers',
    class_name: 'InputLayer',
    config: { batch_shape: shape, dtype: dtype ?? 'float32', sparse: false, ragged: false, name },
    registered_name: null,
  };
}

function sequentialToKeras(
  model: Tf.LayersModel,
  name: string,
  layers: readonly TopologyLayer[],
): KerasModel {
  const first = layers[0];
  // A model that begins with a model has its shape from there.
  const shape = first?.config['batch_input_shape'] ?? model.inputs[0]?.shape;
  if (first === undefined || shape === undefined) {
    throw unsupported(`model ${name} has no input shape: give its first layer an inputShape`);
  }
  const rest = first.class_name === 'InputLayer' ? layers.slice(1) : layers;
  return {
    module: 'keras',
    class_name: 'Sequential',
    config: {
      name,
      trainable: model.trainable,
      layers: [
        inputLayer(model.inputs[0]?.sourceLayer.name ?? 'input_layer', shape, model.inputs[0]?.dtype),
        ...rest.map((layer) => kerasLayer(layer, model.getLayer(String(layer.config['name'])))),
      ],
      build_input_shape: shape,
    },
    registered_name: null,
    build_config: { input_shape: shape },
  };
}

/** A layer, or a model in a layer's place, as Keras writes it. `made` is the layer itself. */
function kerasLayer(
  { class_name: className, config }: TopologyLayer,
  made: Tf.layers.Layer,
  calls = false,
): Json {
  if (className === ATTENTION && !calls) {
    throw unsupported(
      `layer ${String(config['name'])} of class ${ATTENTION} takes query and value in Keras, which neither a Sequential nor a layer around it hands over: build the model with tf.model`,
    );
  }
  if (MODELS.has(className)) return { ...toKerasConfig(made as Tf.LayersModel) };
  return {
    module: 'keras.layers',
    class_name: className,
    config: {
      ...toKerasLayer(className, config, (inner) => innerLayer(inner as unknown as TopologyLayer, made)),
      ...(className === ATTENTION ? { attention_axes: [1] } : {}),
    },
    registered_name: null,
  };
}

/** The layer inside a wrapper; models are taken from the wrapper itself. */
function innerLayer(inner: TopologyLayer, wrapper: Tf.layers.Layer): Json {
  const { layer } = layerFields(wrapper);
  const config = inner.config ?? {};
  return kerasLayer({ class_name: inner.class_name, config }, layer ?? wrapper);
}

function functionalToKeras(
  model: Tf.LayersModel,
  config: Json,
  layers: readonly TopologyLayer[],
): KerasModel {
  const name = String(config['name']);
  const masks = masksOf(model, layers);
  const tensorOf = (key: string): Json => {
    const [from = '', node, tensor] = key.split('/');
    return kerasTensor(model, from, [from, Number(node), Number(tensor)]);
  };
  const names = layers.map((layer) => layer.name ?? String(layer.config['name']));
  const ops = new MaskOps(masks, tensorOf, names);
  const written = inOrder(model, layers).map((layer) => functionalLayer(model, layer, masks, ops));
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: {
      name,
      trainable: model.trainable,
      layers: [...written, ...ops.parts],
      input_layers: config['input_layers'],
      output_layers: (config['output_layers'] as [string, number, number][]).map(([from, node, tensor]) => [
        from,
        callNumber(model, from, node, true),
        outputInKeras(model.getLayer(from), tensor),
      ]),
    },
    registered_name: 'Functional',
  };
}

/** Layers in Keras's order where it is known. */
function inOrder(model: Tf.LayersModel, layers: readonly TopologyLayer[]): TopologyLayer[] {
  const places = new Map(layersInOrder(model).map((layer, at) => [layer.name, at]));
  const place = ({ name, config }: TopologyLayer): number => places.get(name ?? String(config['name'])) ?? 0;
  return [...layers].sort((a, b) => place(a) - place(b));
}

const keyOf = ([from, node, tensor]: NodeReference): string => [from, node, tensor].join('/');

/** The masks of a model's tensors. @throws ModelFileError for a layer that would have another mask in Keras. */
function masksOf(model: Tf.LayersModel, layers: readonly TopologyLayer[]): MaskTracker {
  const masks = new MaskTracker();
  const known = new Set<string>();
  const waiting = layers.flatMap((part) => {
    const name = part.name ?? String(part.config['name']);
    // A model's own output comes before those of its calls.
    const first = MODELS.has(part.class_name) ? 1 : 0;
    return (part.inbound_nodes ?? []).map((inputs, at) => ({
      name,
      inputs: inputs.map(keyOf),
      node: first + at,
    }));
  });
  // Calls in an order in which each has its inputs; those of the model's own inputs need none.
  const made = new Set(waiting.map(({ name, node }) => `${name}/${node}/`));
  for (let before = -1; before !== waiting.length;) {
    before = waiting.length;
    for (const call of waiting.splice(0)) {
      const open = (input: string): boolean =>
        made.has(input.slice(0, input.lastIndexOf('/') + 1)) &&
        !known.has(input.slice(0, input.lastIndexOf('/') + 1));
      if (call.inputs.some(open)) {
        waiting.push(call);
        continue;
      }
      masks.outputOf(model.getLayer(call.name), call.inputs, `${call.name}/${call.node}/0`);
      known.add(`${call.name}/${call.node}/`);
    }
  }
  checkWritten(masks);
  return masks;
}

function functionalLayer(
  model: Tf.LayersModel,
  layer: TopologyLayer,
  masks: MaskTracker,
  ops: MaskOps,
): Json {
  const name = layer.name ?? String(layer.config['name']);
  if (layer.class_name === 'InputLayer') {
    const input = inputLayer(name, layer.config['batch_input_shape'], layer.config['dtype']);
    return { ...input, name, inbound_nodes: [] };
  }
  const nodes = (layer.inbound_nodes ?? []).map((inputs) => {
    const tensors = inputs.map((reference) => kerasTensor(model, name, reference));
    if (layer.class_name === ATTENTION) return attentionToKeras(tensors, layer.config);
    const { args, kwargs } = kerasCall(model.getLayer(name), tensors);
    const mask = masks.maskFor(model.getLayer(name), inputs.map(keyOf));
    return { args, kwargs: mask === undefined ? kwargs : { ...kwargs, mask: ops.tensor(mask) } };
  });
  return { ...kerasLayer(layer, model.getLayer(name), true), name, inbound_nodes: nodes };
}

/**
 * A model of tfjs counts its own output before those of its calls. Keras does so where a Functional is an output
 * of the model around it, and nowhere else (`get_config` and `serialize_node` in keras/src/models/functional.py).
 */
function callNumber(model: Tf.LayersModel, layer: string, node: number, isOutput = false): number {
  const className = model.getLayer(layer).getClassName();
  return className === 'Sequential' || (!isOutput && MODELS.has(className)) ? node - 1 : node;
}

/** One call of a layer: how its inputs are handed over depends on its class. */
function kerasCall(layer: Tf.layers.Layer, tensors: Json[]): { args: unknown[]; kwargs: Json } {
  const className = layer.getClassName();
  if (MERGING.has(className)) return { args: [tensors], kwargs: {} };
  if (tensors.length === 1) return { args: tensors, kwargs: {} };
  if (MODELS.has(className)) return { args: [tensors], kwargs: {} };
  const [input, ...states] = tensors;
  if (WITH_STATES.has(className))
    return { args: [input], kwargs: { initial_state: statesToKeras(layer, states) } };
  throw unsupported(
    `layer ${layer.name} of class ${className} has ${tensors.length} inputs, which cannot be written`,
  );
}

function kerasTensor(model: Tf.LayersModel, layer: string, reference: NodeReference): Json {
  const [from, node, tensor, keywords] = reference;
  if (keywords !== undefined && Object.keys(keywords).length > 0) {
    throw unsupported(
      `layer ${layer} was applied with ${Object.keys(keywords).join(', ')}, which cannot be written`,
    );
  }
  const source = model.getLayer(from);
  // A model counts its own output among those of its calls.
  const outputs = source.inboundNodes.length > node ? source.getOutputAt(node) : source.output;
  const output = Array.isArray(outputs) ? outputs[tensor] : outputs;
  return {
    class_name: '__keras_tensor__',
    config: {
      shape: output?.shape,
      dtype: output?.dtype ?? 'float32',
      keras_history: [from, callNumber(model, from, node), outputInKeras(source, tensor)],
    },
  };
}

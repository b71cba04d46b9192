import type * as Tf from '@tensorflow/tfjs';
import { unsupported } from './errors.ts';
import { toKerasLayer } from './keras-layers.ts';
import type { Json } from './keras-layers.ts';
import { MERGING, WITH_STATES } from './keras-properties.ts';

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
      trainable: true,
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
function kerasLayer({ class_name: className, config }: TopologyLayer, made: Tf.layers.Layer): Json {
  if (MODELS.has(className)) return { ...toKerasConfig(made as Tf.LayersModel) };
  return {
    module: 'keras.layers',
    class_name: className,
    config: toKerasLayer(className, config, (inner) => innerLayer(inner as unknown as TopologyLayer, made)),
    registered_name: null,
  };
}

/** What is inside of a wrapper; models are taken from the wrapper itself. */
function innerLayer(inner: TopologyLayer, wrapper: Tf.layers.Layer): Json {
  const { layer } = wrapper as unknown as { layer?: Tf.layers.Layer };
  const config = inner.config ?? {};
  return kerasLayer({ class_name: inner.class_name, config }, layer ?? wrapper);
}

function functionalToKeras(
  model: Tf.LayersModel,
  config: Json,
  layers: readonly TopologyLayer[],
): KerasModel {
  const name = String(config['name']);
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: {
      name,
      trainable: true,
      layers: layers.map((layer) => functionalLayer(model, layer)),
      input_layers: config['input_layers'],
      output_layers: (config['output_layers'] as [string, number, number][]).map(([from, node, tensor]) => [
        from,
        callNumber(model, from, node),
        tensor,
      ]),
    },
    registered_name: 'Functional',
  };
}

function functionalLayer(model: Tf.LayersModel, layer: TopologyLayer): Json {
  const name = layer.name ?? String(layer.config['name']);
  if (layer.class_name === 'InputLayer') {
    const input = inputLayer(name, layer.config['batch_input_shape'], layer.config['dtype']);
    return { ...input, name, inbound_nodes: [] };
  }
  const nodes = (layer.inbound_nodes ?? []).map((inputs) => {
    const tensors = inputs.map((reference) => kerasTensor(model, name, reference));
    return kerasCall(name, layer.class_name, tensors);
  });
  return { ...kerasLayer(layer, model.getLayer(name)), name, inbound_nodes: nodes };
}

/** A model counts its own output before those of its calls; a Sequential of Keras does not. */
function callNumber(model: Tf.LayersModel, layer: string, node: number): number {
  return model.getLayer(layer).getClassName() === 'Sequential' ? node - 1 : node;
}

/** One call of a layer: how its inputs are handed over depends on its class. */
function kerasCall(name: string, className: string, tensors: Json[]): Json {
  if (MERGING.has(className)) return { args: [tensors], kwargs: {} };
  if (tensors.length === 1) return { args: tensors, kwargs: {} };
  if (MODELS.has(className)) return { args: [tensors], kwargs: {} };
  const [input, ...states] = tensors;
  if (WITH_STATES.has(className)) return { args: [input], kwargs: { initial_state: states } };
  throw unsupported(
    `layer ${name} of class ${className} has ${tensors.length} inputs, which cannot be written`,
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
      keras_history: [from, callNumber(model, from, node), tensor],
    },
  };
}

import type * as Tf from '@tensorflow/tfjs';
import { malformed, unsupported } from './errors.ts';
import { fromKerasLayer, MERGING, toKerasLayer } from './keras-layers.ts';
import type { Json } from './keras-layers.ts';

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
    ? sequentialToKeras(String(topology.config['name']), layers)
    : functionalToKeras(model, topology.config, layers);
}

function inputLayer(name: string, shape: unknown, dtype: unknown): Json {
  return {
    module: 'keras.layers',
    class_name: 'InputLayer',
    config: { batch_shape: shape, dtype: dtype ?? 'float32', sparse: false, ragged: false, name },
    registered_name: null,
  };
}

function sequentialToKeras(name: string, layers: readonly TopologyLayer[]): KerasModel {
  const first = layers[0];
  const shape = first?.config['batch_input_shape'];
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
        inputLayer('input_layer', shape, first.config['dtype']),
        ...rest.map(({ class_name: className, config }) => kerasLayer(className, config)),
      ],
      build_input_shape: shape,
    },
    registered_name: null,
    build_config: { input_shape: shape },
  };
}

function kerasLayer(className: string, config: Json): Json {
  if (className === 'Sequential' || className === 'Model' || className === 'Functional') {
    throw unsupported(
      `layer ${String(config['name'])} is a model of its own; models inside models cannot be written`,
    );
  }
  return {
    module: 'keras.layers',
    class_name: className,
    config: toKerasLayer(className, config),
    registered_name: null,
  };
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
      output_layers: config['output_layers'],
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
  const merging = MERGING.has(layer.class_name);
  const nodes = (layer.inbound_nodes ?? []).map((inputs) => {
    if (!merging && inputs.length !== 1) {
      throw unsupported(
        `layer ${name} of class ${layer.class_name} has ${inputs.length} inputs, which cannot be written`,
      );
    }
    const tensors = inputs.map((reference) => kerasTensor(model, name, reference));
    return { args: merging ? [tensors] : tensors, kwargs: {} };
  });
  return { ...kerasLayer(layer.class_name, layer.config), name, inbound_nodes: nodes };
}

function kerasTensor(model: Tf.LayersModel, layer: string, reference: NodeReference): Json {
  const [from, node, tensor, keywords] = reference;
  if (keywords !== undefined && Object.keys(keywords).length > 0) {
    throw unsupported(
      `layer ${layer} was applied with ${Object.keys(keywords).join(', ')}, which cannot be written`,
    );
  }
  const outputs = model.getLayer(from).getOutputAt(node);
  const output = Array.isArray(outputs) ? outputs[tensor] : outputs;
  return {
    class_name: '__keras_tensor__',
    config: { shape: output?.shape, dtype: output?.dtype ?? 'float32', keras_history: [from, node, tensor] },
  };
}

/** A Keras 3 configuration as tfjs's `modelFromJSON` takes it. @throws ModelFileError naming what does not fit. */
export function fromKerasConfig(model: unknown, file: string): Json {
  const { class_name: className, config } = (model ?? {}) as Partial<KerasModel>;
  const layers = config?.['layers'];
  if (config === undefined || !Array.isArray(layers))
    throw malformed(`${file}: its config.json describes no model`);
  if (className === 'Sequential') {
    return {
      class_name: 'Sequential',
      config: { name: config['name'], layers: (layers as TopologyLayer[]).map((layer) => tfjsLayer(layer)) },
    };
  }
  // Subclassed models are Python code; a registered name says so.
  if (className !== 'Functional') {
    throw unsupported(`${file} holds a ${String(className)}; only Sequential and Functional models are data`);
  }
  return {
    class_name: 'Model',
    config: {
      name: config['name'],
      layers: (layers as TopologyLayer[]).map((layer) => ({
        ...tfjsLayer(layer),
        name: layer.name,
        inbound_nodes: (layer.inbound_nodes as unknown as Json[]).map((node) => tfjsNode(layer, node)),
      })),
      input_layers: references(config['input_layers']),
      output_layers: references(config['output_layers']),
    },
  };
}

/** One reference stands by itself, several stand in a list. */
function references(value: unknown): unknown[] {
  const list = value as unknown[];
  return typeof list[0] === 'string' ? [list] : list;
}

function tfjsLayer({ class_name: className, config }: TopologyLayer): Json {
  if (className === 'InputLayer') {
    return {
      class_name: 'InputLayer',
      config: {
        batch_input_shape: config['batch_shape'] ?? config['batch_input_shape'],
        dtype: config['dtype'],
        sparse: false,
        name: config['name'],
      },
    };
  }
  return { class_name: className, config: fromKerasLayer(className, config) };
}

function tfjsNode(layer: TopologyLayer, node: Json): NodeReference[] {
  const keywords = Object.entries((node['kwargs'] ?? {}) as Json).filter(
    ([key, value]) => value !== null && !(key === 'training' && value === false),
  );
  if (keywords.length > 0) {
    throw unsupported(
      `layer ${String(layer.name)} was called with ${keywords.map(([key]) => key).join(', ')}, which tfjs has not`,
    );
  }
  const found: NodeReference[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (
      typeof value === 'object' &&
      value !== null &&
      (value as Json)['class_name'] === '__keras_tensor__'
    ) {
      const [from, index, tensor] = ((value as Json)['config'] as Json)['keras_history'] as [
        string,
        number,
        number,
      ];
      found.push([from, index, tensor, {}]);
    } else if (value !== null) {
      throw unsupported(
        `layer ${String(layer.name)} takes ${JSON.stringify(value)} beside tensors, which tfjs has not`,
      );
    }
  };
  visit(node['args']);
  return found;
}

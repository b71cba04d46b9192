import type * as Tf from '@tensorflow/tfjs';
import { malformed } from './errors.ts';
import type { StoredArray, StoredGroup } from './hdf5.ts';
import { snakeCase } from './keras-layers.ts';
import type { Json } from './keras-layers.ts';

type LayerVariable = Tf.LayersModel['weights'][number];

/** A layer's weights by where Keras keeps them below the layer's own path: an RNN keeps its own in its cell. */
function placesOf(
  className: string,
  config: Json,
  weights: readonly LayerVariable[],
): [string, LayerVariable[]][] {
  const inner = (): [string, Json] => {
    const layer = config['layer'] as { className: string; config: Json };
    return [layer.className, layer.config];
  };
  const below = (place: string, own: readonly LayerVariable[]): [string, LayerVariable[]][] =>
    placesOf(...inner(), own).map(([path, list]) => [path === '' ? place : `${place}/${path}`, list]);
  if (weights.length === 0) return [];
  switch (className) {
    case 'LSTM':
    case 'GRU':
    case 'SimpleRNN':
      return [['cell', [...weights]]];
    case 'TimeDistributed':
      return below('layer', weights);
    case 'Bidirectional': {
      const half = weights.length / 2;
      return [
        ...below('forward_layer', weights.slice(0, half)),
        ...below('backward_layer', weights.slice(half)),
      ];
    }
    default:
      return [['', [...weights]]];
  }
}

/** Each weight of a model with the path of its group, in Keras's order. */
function* groupsOf(
  model: Tf.LayersModel,
): Generator<{ group: string; layer: string; weights: LayerVariable[] }> {
  const used = new Map<string, number>();
  // A Sequential of Keras does not count its input among its layers.
  const layers =
    model.getClassName() === 'Sequential'
      ? model.layers.filter((layer) => layer.getClassName() !== 'InputLayer')
      : model.layers;
  for (const layer of layers) {
    const base = snakeCase(layer.getClassName());
    const count = used.get(base) ?? 0;
    used.set(base, count + 1);
    const path = `layers/${count === 0 ? base : `${base}_${count}`}`;
    // Trainable ones first, as both libraries have them.
    for (const [place, weights] of placesOf(layer.getClassName(), layer.getConfig(), layer.weights)) {
      yield {
        group: [path, place, 'vars'].filter((part) => part !== '').join('/'),
        layer: layer.name,
        weights,
      };
    }
  }
}

/** The weights of a model as groups of a Keras weights file. */
export async function weightGroups(model: Tf.LayersModel): Promise<Map<string, StoredGroup>> {
  const groups = new Map<string, StoredGroup>();
  for (const { group, layer, weights } of groupsOf(model)) {
    const arrays: StoredArray[] = [];
    for (const weight of weights) {
      arrays.push({
        shape: weight.shape as number[],
        values: Float32Array.from((await weight.read().data()) as Float32Array),
      });
    }
    groups.set(group, { name: layer, arrays });
  }
  return groups;
}

/** Sets a model's weights from such a file. @throws ModelFileError naming the layer that does not fit; nothing is set then. */
export function setWeightsFrom(
  tf: typeof Tf,
  model: Tf.LayersModel,
  arrays: ReadonlyMap<string, StoredArray>,
  file: string,
): void {
  const found: { weight: LayerVariable; array: StoredArray }[] = [];
  for (const { group, layer, weights } of groupsOf(model)) {
    for (const [index, weight] of weights.entries()) {
      const array = arrays.get(`${group}/${index}`);
      if (array === undefined) throw malformed(`${file} has no weight ${group}/${index}, for layer ${layer}`);
      if (array.shape.join() !== weight.shape.join()) {
        throw malformed(
          `${file}: layer ${layer} has a weight of shape [${array.shape.join(', ')}], the model one of [${weight.shape.join(', ')}]`,
        );
      }
      found.push({ weight, array });
    }
  }
  for (const { weight, array } of found) {
    const tensor = tf.tensor(array.values as Float32Array, array.shape);
    weight.write(tensor);
    tensor.dispose();
  }
}

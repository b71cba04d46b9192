import type * as Tf from '@tensorflow/tfjs';
import { layerFields, weightFields } from '../../tfjs/layers-view.ts';
import { malformed } from './errors.ts';
import type { StoredArray, StoredGroup } from './hdf5.ts';
import { snakeCase } from './keras-layers.ts';

type Layer = Tf.layers.Layer;
type LayerVariable = Tf.LayersModel['weights'][number];

const orders = new WeakMap<object, readonly Layer[]>();

/** Notes in which order Keras counts a model's layers: that of its configuration, which tfjs may sort in another way. */
export function rememberOrder(model: object, layers: readonly Layer[]): void {
  orders.set(model, layers);
}

interface Group {
  group: string;
  layer: string;
  weights: LayerVariable[];
  /** Whether the layer, or one around it, is not trained. */
  frozen: boolean;
  /** Whether Keras has a number of samples there in addition to the weights. */
  counts: boolean;
}

/** Names of a list's members in Keras's paths: their class, with a number from the second one on. */
function* counted(path: string, members: readonly Layer[]): Generator<[string, Layer]> {
  const used = new Map<string, number>();
  for (const member of members) {
    const base = snakeCase(KERAS_CLASSES[member.getClassName()] ?? member.getClassName());
    const count = used.get(base) ?? 0;
    used.set(base, count + 1);
    yield [`${path}/${count === 0 ? base : `${base}_${count}`}`, member];
  }
}

const KERAS_CLASSES: Readonly<Record<string, string>> = { Model: 'Functional' };

/** The parts of a layer by their paths, in the order in which Keras goes through it. */
function* insideOf(layer: Layer, path: string): Generator<[string, Layer]> {
  const { layers, cell, cells, layer: wrapped, forwardLayer, backwardLayer } = layerFields(layer);
  if (layers !== undefined) {
    // A Sequential of Keras does not count its input among its layers.
    const sequential = layer.getClassName() === 'Sequential';
    const members = (orders.get(layer) ?? layers).filter(
      (member) => !(sequential && member.getClassName() === 'InputLayer'),
    );
    yield* counted(`${path}/layers`, members);
  } else if (forwardLayer !== undefined && backwardLayer !== undefined) {
    yield [`${path}/forward_layer`, forwardLayer];
    yield [`${path}/backward_layer`, backwardLayer];
  } else if (cells !== undefined) yield* counted(`${path}/cells`, cells);
  else if (cell !== undefined) yield [`${path}/cell`, cell];
  else if (wrapped !== undefined) yield [`${path}/layer`, wrapped];
}

/**
 * Each weight of a model with the path of its group, in Keras's order. A layer in two places is stored once.
 *
 * @param around whether something around the layer is frozen. A frozen model inside leaves its layers as they are, as in Keras 3.
 */
function* groupsOf(layer: Layer, path = '', seen = new Set<Layer>(), around = false): Generator<Group> {
  if (seen.has(layer)) return;
  seen.add(layer);
  const isModelInside = path !== '' && layerFields(layer).layers !== undefined;
  const frozen = around || (!layer.trainable && !isModelInside);
  let hasParts = false;
  for (const [place, part] of insideOf(layer, path)) {
    hasParts = true;
    yield* groupsOf(part, place, seen, frozen);
  }
  const { kerasParts = [] } = layerFields(layer);
  for (const [place, weights] of kerasParts) {
    hasParts = true;
    yield {
      group: `${path}/${place}/vars`.slice(1),
      layer: layer.name,
      weights: [...weights],
      frozen,
      counts: false,
    };
  }
  // Trainable ones first, as both libraries have them.
  if (!hasParts && layer.weights.length > 0) {
    const counts = layer.getClassName() === 'Normalization';
    yield { group: `${path}/vars`.slice(1), layer: layer.name, weights: layer.weights, frozen, counts };
  }
}

/** The weights of a model as groups of a Keras weights file. */
export async function weightGroups(model: Tf.LayersModel): Promise<Map<string, StoredGroup>> {
  const groups = new Map<string, StoredGroup>();
  for (const { group, layer, weights, counts } of groupsOf(model)) {
    const arrays: StoredArray[] = [];
    for (const weight of weights) {
      arrays.push({
        shape: weight.shape as number[],
        values: Float32Array.from((await weight.read().data()) as Float32Array),
      });
    }
    // Keras counts what it has seen in a third number, which it does not read any more.
    if (counts) arrays.push({ shape: [], values: BigInt64Array.of(0n) });
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
  writeAll(tf, found);
}

/** A weight with the name of its layer. */
export interface NamedWeight {
  layer: string;
  weight: LayerVariable;
}

interface SplitWeights {
  trained: NamedWeight[];
  others: NamedWeight[];
}

function splitWeights(groups: Iterable<Group>): SplitWeights {
  const split: SplitWeights = { trained: [], others: [] };
  for (const { layer, weights, frozen } of groups) {
    for (const weight of weights) {
      const { trainable } = weightFields(weight);
      (trainable && !frozen ? split.trained : split.others).push({ layer, weight });
    }
  }
  return split;
}

/** Keras 2 has a frozen model's layers as not trained, and yet those first that are trained by themselves (tf_keras/src/engine/training.py). */
function splitInKeras2(layer: Layer, seen = new Set<Layer>()): SplitWeights {
  if (seen.has(layer)) return { trained: [], others: [] };
  const parts = [...insideOf(layer, '')].map(([, part]) => part);
  seen.add(layer);
  if (parts.length === 0) return splitWeights(groupsOf(layer));
  const splits = parts.map((part) => splitInKeras2(part, seen));
  const trained = splits.flatMap((split) => split.trained);
  const others = splits.flatMap((split) => split.others);
  return layer.trainable ? { trained, others } : { trained: [], others: [...trained, ...others] };
}

/**
 * A layer's weights in the order of Keras's older files: trained ones of all parts first, then the others.
 *
 * @param version of the Keras that wrote the file.
 */
export function trainedFirst(layer: Layer, version: number): NamedWeight[] {
  const { trained, others } = version < 3 ? splitInKeras2(layer) : splitWeights(groupsOf(layer));
  return [...trained, ...others];
}

/** A model's layers in Keras's order. */
export function layersInOrder(model: Tf.LayersModel): readonly Layer[] {
  return orders.get(model) ?? model.layers;
}

/** Sets weights that were found to fit. */
export function writeAll(
  tf: typeof Tf,
  found: readonly { weight: LayerVariable; array: StoredArray }[],
): void {
  for (const { weight, array } of found) {
    const tensor = tf.tensor(array.values as Float32Array, array.shape);
    writeUnconstrained(weight, tensor);
    tensor.dispose();
  }
}

/** A file's weights are what they are: a constraint holds for what training makes of them. */
function writeUnconstrained(weight: LayerVariable, value: Tf.Tensor): void {
  const open = weightFields(weight);
  const { constraint } = open;
  open.constraint = null;
  try {
    weight.write(value);
  } finally {
    open.constraint = constraint;
  }
}

import type * as Tf from '@tensorflow/tfjs';
import { malformed, parseModelJson } from './errors.ts';
import { readHdf5WithNotes } from './hdf5.ts';
import type { GroupNotes, StoredArray } from './hdf5.ts';
import { buildModel } from './keras-builder.ts';
import { byOutputNames } from './keras-compile.ts';
import type { OptimizerState } from './keras-optimizers.ts';
import type { Json } from './keras-layers.ts';
import { layersInOrder, trainedFirst, writeAll } from './keras-weights.ts';
import { fromTopology } from './tfjs-folder.ts';

/** A model of one HDF5 file, as Keras 2 writes it by default and Keras 3 for names that end with `.h5`. */
export interface H5Model {
  model: Tf.LayersModel;
  /** How it was compiled, in the words of Keras 3; undefined where it was not. */
  compile: Json | undefined;
  /** The numbers of its optimizer; undefined where the file has none. */
  state: OptimizerState | undefined;
}

/**
 * Reads such a file.
 *
 * @throws ModelFileError for a file of weights alone, a damaged one, and naming the layer that does not fit.
 */
export async function loadH5(tf: typeof Tf, bytes: Uint8Array, path: string): Promise<H5Model> {
  const { arrays, notes } = await readHdf5WithNotes(bytes, path);
  const root = notes.get('') ?? {};
  const text = root['model_config'];
  if (typeof text !== 'string') {
    const weightsOnly = arrays.size > 0;
    throw malformed(
      `${path} holds no model${weightsOnly ? ', only weights: build the model and pass both to loadWeights' : ''}`,
    );
  }
  const config = parseModelJson(text, `${path}: model_config`);
  const version = Number.parseInt(
    typeof root['keras_version'] === 'string' ? root['keras_version'] : '1',
    10,
  );
  const model = await fromTopology(path, async () =>
    Promise.resolve(buildModel(tf, version < 3 ? modernized(config) : config, path)),
  );
  setWeights(tf, model, arrays, notes, { path, version });
  const training = root['training_config'];
  return {
    model,
    compile:
      typeof training === 'string'
        ? byOutputNames(model, config, compileConfig(parseModelJson(training, `${path}: training_config`)))
        : undefined,
    state: optimizerState(arrays, notes, path),
  };
}

/** The group `optimizer_weights`, whose names and order differ between versions. */
function optimizerState(
  arrays: ReadonlyMap<string, StoredArray>,
  notes: GroupNotes,
  path: string,
): OptimizerState | undefined {
  const names = namesIn(notes.get('optimizer_weights'), 'weight_names');
  const state: OptimizerState = { iterations: 0, learningRate: undefined, slots: [] };
  if (names.length === 0) return undefined;
  for (const name of names) {
    const array = arrays.get(`optimizer_weights/${name}`);
    if (array === undefined) throw malformed(`${path}: the optimizer's ${name} is missing`);
    const [, last = ''] = /(?:^|\/)(\w+)(?::\d+)?$/.exec(name) ?? [];
    if (last === 'iteration' || last === 'iter') {
      state.iterations = Number(array.values[0]);
      state.older = last === 'iter';
    } else if (last === 'learning_rate') state.learningRate = Number(array.values[0]);
    else state.slots.push({ shape: array.shape, values: array.values as Float32Array, name });
  }
  return state;
}

function compileConfig({ optimizer_config: optimizer, ...rest }: Json): Json {
  const { class_name: className = '', ...others } = (optimizer ?? {}) as { class_name?: string };
  // Classes that are registered with a package have it before their name.
  return { ...rest, optimizer: { ...others, class_name: className.split('>').at(-1) } };
}

/** Names that belong together although they say it in several attributes: `layer_names0`, `layer_names1`, … */
function namesIn(note: Readonly<Record<string, string | string[]>> | undefined, key: string): string[] {
  const list = (value: string | string[] | undefined): string[] =>
    value === undefined ? [] : Array.isArray(value) ? value : [value];
  const whole = list(note?.[key]);
  for (let index = 0; note?.[`${key}${index}`] !== undefined; index++)
    whole.push(...list(note[`${key}${index}`]));
  return whole;
}

/** The last part of a weight's name: `dense/kernel:0` -> `kernel`. */
function kindOf(name: string): string {
  return (name.split('/').at(-1) ?? '').replace(/:\d+$/, '').replace(/_\d+$/, '');
}

/** Keras calls a kernel's kind by its layer: what is `depthwise_kernel` here may be `kernel` there. */
function sameKind(stored: string, own: string): boolean {
  return stored === own || own.endsWith(`_${stored}`) || stored.endsWith(`_${own}`);
}

function setWeights(
  tf: typeof Tf,
  model: Tf.LayersModel,
  arrays: ReadonlyMap<string, StoredArray>,
  notes: GroupNotes,
  { path, version }: { path: string; version: number },
): void {
  const base = notes.has('model_weights') ? 'model_weights' : '';
  const at = (...parts: string[]): string => parts.filter((part) => part !== '').join('/');
  const stored = namesIn(notes.get(base), 'layer_names');
  const layers = new Map(layersInOrder(model).map((layer) => [layer.name, layer]));
  const found: Parameters<typeof writeAll>[1][number][] = [];
  for (const [name, layer] of layers) {
    const wanted = trainedFirst(layer, version);
    if (wanted.length === 0) continue;
    const inFile = stored.includes(name) ? namesIn(notes.get(at(base, name)), 'weight_names') : [];
    // A Normalization counts what it has seen, which it does not read any more.
    const names = inFile.filter((place) => kindOf(place) !== 'count');
    if (names.length !== wanted.length) {
      throw malformed(
        `${path}: layer ${name} has ${wanted.length} weights in the model and ${names.length} in the file`,
      );
    }
    for (const [index, { layer: owner, weight }] of wanted.entries()) {
      const place = names[index] as string;
      const array = arrays.get(at(base, name, place));
      const own = kindOf(weight.originalName);
      if (
        array === undefined ||
        array.shape.join() !== weight.shape.join() ||
        !sameKind(kindOf(place), own)
      ) {
        throw malformed(
          `${path}: layer ${owner} needs a ${own} of shape [${weight.shape.join(', ')}]; the file has ${place} of shape [${array?.shape.join(', ') ?? 'none'}] in its place`,
        );
      }
      found.push({ weight, array });
    }
  }
  writeAll(tf, found);
}

/** Options that older versions have in addition, or by another name. */
function modernized(part: Json): Json {
  const { class_name: className, config } = part as { class_name?: string; config?: unknown };
  // The oldest files have a Sequential's layers in place of its configuration.
  const whole = (Array.isArray(config) ? { layers: config } : (config ?? {})) as Json;
  return { ...part, config: modernizedConfig(String(className), whole) };
}

function modernizedConfig(className: string, config: Json): Json {
  const result: Json = {};
  for (const [key, value] of Object.entries(config)) {
    if (key === 'layers' || key === 'cells')
      result[key] = (value as Json[]).map((inner) => modernized(inner));
    else if (['layer', 'cell', 'backward_layer'].includes(key) && value !== null)
      result[key] = modernized(value as Json);
    // Until Keras 3 it was 0.2 x + 0.5, which tfjs has under this name.
    else if (key.endsWith('activation') && value === 'hard_sigmoid') result[key] = 'hardSigmoid';
    else if (className === 'LeakyReLU' && key === 'alpha') result['negative_slope'] = value;
    // Of a convolution, which it is not.
    else if (!(className.startsWith('SeparableConv') && /^kernel_(init|regu|cons)/.test(key)))
      result[key] = value;
  }
  if (className === 'GRU' || className === 'GRUCell') result['reset_after'] ??= false;
  return result;
}

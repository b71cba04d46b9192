/**
 * Weights between PyTorch's state dicts and layers of tfjs: `tensorcell.pytorch`. A state dict is what
 * `tensorcell.safetensors.load` gives, or `python.get('model.state_dict()')`.
 */
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { isModel } from '../../tfjs/layers-view.ts';
import { toFloat32 } from '../../base/arrays/convert.ts';
import { arrayTag, type TaggedArray } from '../../base/arrays/tagged.ts';
import { theTf } from '../../tfjs/current.ts';
import { StateDictError } from './errors.ts';
import { counterpartOf, type Counterpart } from './layers.ts';
import { keyOf, modulesOf, type TorchModule } from './modules.ts';

export { StateDictError, type StateDictErrorCode } from './errors.ts';

export type StateDict = Readonly<Record<string, Tensor | TaggedArray>>;

export interface NameOptions {
  /**
   * PyTorch's module by the layer's name: `{ dense_1: 'classifier.0' }`; `lstm[1]` is the second layer of a stacked
   * recurrent module. Layers that are not named here pair with the remaining modules in their order.
   */
  names?: Readonly<Record<string, string>>;
}

type Layer = LayersModel['layers'][number];

interface Part {
  layer: Layer;
  counterpart: Counterpart;
}

/** A model's layers with weights, also of models inside it. */
function partsOf(model: LayersModel): Part[] {
  return model.layers.flatMap((layer) => {
    if (isModel(layer)) return partsOf(layer);
    const counterpart = counterpartOf(layer);
    return counterpart === undefined ? [] : [{ layer, counterpart }];
  });
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

function pairs(
  parts: readonly Part[],
  modules: readonly TorchModule[],
  names: Readonly<Record<string, string>>,
) {
  for (const name of Object.keys(names)) {
    if (!parts.some(({ layer }) => layer.name === name)) {
      throw new StateDictError(
        'mismatch',
        `the model has no layer ${name} with weights; it has ${list(parts.map(({ layer }) => layer.name))}`,
      );
    }
  }
  const byName = new Map(modules.map((module) => [module.name, module]));
  const taken = new Set(Object.values(names));
  const rest = modules.filter(({ name }) => !taken.has(name));
  const unnamed = parts.filter(({ layer }) => names[layer.name] === undefined);
  if (unnamed.length !== rest.length) {
    throw new StateDictError(
      'mismatch',
      `${unnamed.length} layers with weights (${list(unnamed.map(({ layer }) => layer.name))}) do not pair with ` +
        `${rest.length} modules of the state dict (${list(rest.map(({ name }) => name))}): name them with ` +
        '{ names: { layer: module } }',
    );
  }
  return parts.map((part) => {
    const named = names[part.layer.name];
    const module = named === undefined ? rest[unnamed.indexOf(part)] : byName.get(named);
    if (module === undefined) {
      throw new StateDictError(
        'mismatch',
        `the state dict has no module ${String(named)}; it has ${list([...byName.keys()])}`,
      );
    }
    return { ...part, module };
  });
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

function floats(value: Tensor | TaggedArray): Tensor {
  const tf = theTf();
  if (value instanceof tf.Tensor) return value.dtype === 'float32' ? value : value.cast('float32');
  return tf.tensor(toFloat32(value), [...arrayTag(value).shape], 'float32');
}

/**
 * Sets a model's weights from a state dict of PyTorch's, transposed as tfjs's layers have them. Nothing is set when
 * anything does not fit.
 *
 * Options that a state dict does not hold have to agree already: BatchNorm's `eps` is 1e-5 in PyTorch and 1e-3 in tfjs
 * (`epsilon`), pads of strided convolutions differ with `padding: 'same'`.
 *
 * @throws StateDictError naming the layer and the module: a layer that PyTorch has not, numbers of layers and modules that
 * differ, a missing parameter, another shape.
 */
export function loadStateDict(model: LayersModel, state: StateDict, { names = {} }: NameOptions = {}): void {
  const tf = theTf();
  tf.tidy(() => {
    const parts = partsOf(model);
    const found = pairs(parts, modulesOf(Object.keys(state)), names);
    const weights = found.map(({ layer, counterpart, module }) => {
      const parameters: Record<string, Tensor> = {};
      for (const [name, shape] of Object.entries(counterpart.shapes)) {
        const key = module.keys.get(name);
        const value = key === undefined ? undefined : state[key];
        if (value === undefined) {
          throw new StateDictError(
            'mismatch',
            `layer ${layer.name} (${counterpart.module}) needs ${keyOf(module.name, name)}; the state dict's ` +
              `${module.name || 'module'} has ${list([...module.keys.keys()])}`,
          );
        }
        const has = value instanceof tf.Tensor ? value.shape : arrayTag(value).shape;
        if (!sameShape(has, shape)) {
          throw new StateDictError(
            'mismatch',
            `layer ${layer.name} (${counterpart.module}) needs ${keyOf(module.name, name)} of shape ` +
              `[${shape.join(', ')}]; the state dict's has [${has.join(', ')}]`,
          );
        }
        parameters[name] = floats(value);
      }
      const extra = [...module.keys.keys()].filter((name) => !Object.hasOwn(counterpart.shapes, name));
      if (extra.length > 0) {
        throw new StateDictError(
          'mismatch',
          `layer ${layer.name} (${counterpart.module}) has no place for ${list(extra)} of ${module.name || 'the state dict'}`,
        );
      }
      return counterpart.fromTorch(parameters);
    });
    for (const [i, { layer }] of found.entries()) layer.setWeights(weights[i] as Tensor[]);
  });
}

/**
 * A model's weights as PyTorch's `load_state_dict` takes them; keys begin with the layers' names, or with those of
 * `names`. The tensors are the caller's to dispose.
 *
 * @throws StateDictError naming a layer that PyTorch has not.
 */
export function stateDict(model: LayersModel, { names = {} }: NameOptions = {}): Record<string, Tensor> {
  const tf = theTf();
  return tf.tidy(() => {
    const state: Record<string, Tensor> = {};
    for (const { layer, counterpart } of partsOf(model)) {
      const module = names[layer.name] ?? layer.name;
      for (const [name, value] of Object.entries(counterpart.toTorch(layer.getWeights()))) {
        // A copy: the model goes on training.
        state[keyOf(module, name)] = value.clone();
      }
    }
    return state;
  });
}

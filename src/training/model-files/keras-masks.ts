import type * as Tf from '@tensorflow/tfjs';
import { layerFields } from '../../tfjs/layers-view.ts';
import { unsupported } from './errors.ts';
import type { Json } from './keras-layers.ts';
import { MERGING, WITH_STATES } from './keras-properties.ts';

type Layer = Tf.layers.Layer;

/** Layers that compute with a mask which Keras hands over by name; multi-head attention has it from its inputs. */
const USERS: ReadonlySet<string> = new Set([
  'BatchNormalization',
  'Bidirectional',
  'ConvLSTM1D',
  'ConvLSTM2D',
  'ConvLSTM3D',
  'GRU',
  'GlobalAveragePooling1D',
  'LSTM',
  'RNN',
  'SimpleRNN',
  'Softmax',
  'TimeDistributed',
]);

/** Layers whose first output has a mask only where they return all steps. */
const SEQUENCES: ReadonlySet<string> = new Set([
  'Bidirectional',
  'ConvLSTM1D',
  'ConvLSTM2D',
  'ConvLSTM3D',
  'GRU',
  'LSTM',
  'RNN',
  'SimpleRNN',
]);

/**
 * The ops that Keras's layers make masks of: `compute_mask` of Embedding, Masking, the merges and Concatenate
 * (keras/src/layers/core/embedding.py, masking.py, keras/src/layers/merging/base_merge.py, concatenate.py).
 */
const OPS: ReadonlySet<string> = new Set([
  'Any',
  'Concatenate',
  'ExpandDims',
  'LogicalOr',
  'NotEqual',
  'OnesLike',
  'ZerosLike',
]);

export const MODELS: ReadonlySet<string> = new Set(['Functional', 'Model', 'Sequential']);

// How masks are made, as texts: two masks with the same text are equal.
const notEqual = (tensor: string, value: number): string => `not_equal(${tensor}, ${value})`;
const any = (mask: string): string => `any(${mask})`;
const wide = (mask: string): string => `wide(${mask})`;
const ones = (tensor: string): string => `ones(${tensor})`;
const zeros = (tensor: string): string => `zeros(${tensor})`;
const concatenated = (axis: number, parts: readonly string[]): string =>
  `concatenate(${axis}: ${parts.join(', ')})`;

/** An axis counted from the end, as Keras may write it or not. */
function fromEnd(axis: number, rank: number | undefined): number {
  return axis < 0 || rank === undefined ? axis : axis - rank;
}

/** The axis of a concatenation, counted from the end. */
export function axisOf(layer: Layer): number {
  const { axis = -1, inboundNodes } = layerFields(layer);
  return fromEnd(axis, inboundNodes[0]?.outputShapes[0]?.length);
}

/** A part that is false everywhere changes the shape only: the reduction of a concatenation does not depend on it. */
function either(one: string, other: string): string {
  return other.startsWith('zeros(') ? one : `or(${one}, ${other})`;
}

/** The mask that a model inside of this one gives: Keras knows it while the model computes, and not before. */
const fromModel = (tensor: string): string => `model(${tensor})`;
export const isFromModel = (mask: string): boolean => mask.includes('model(');

/** An op of Keras that makes a mask, of tensors or of other masks. */
export interface MaskOp {
  className: string;
  config: Json;
  /** A tensor of the model, or the text of another mask. */
  inputs: readonly { tensor?: string; mask?: string }[];
  /** The number that an input is compared with. */
  value?: number;
}

/** A call of a layer, by the names of its tensors. */
export interface LayerCall {
  layer: Layer;
  inputs: readonly string[];
  /** The first output. */
  output: string;
  /** Whether a mask is handed over by name. */
  named: boolean;
}

/**
 * Keras writes the ops that make a mask into a functional model, and hands masks to layers by name. tfjs makes masks by
 * itself as it computes. A file loads where both come to the same: each mask is known by how it is made.
 */
export class MaskTracker {
  private readonly ofTensors = new Map<string, string>();
  private readonly made = new Map<string, string>();
  private readonly ranks = new Map<string, number>();
  private readonly withStates = new Map<Layer, boolean>();
  readonly calls: LayerCall[] = [];
  private readonly ops = new Map<string, MaskOp>();
  private readonly rankOf: (tensor: string) => number | undefined;

  /** @param rankOf gives the number of dimensions of a tensor that a layer makes; only ops need it. */
  constructor(rankOf: (tensor: string) => number | undefined = () => undefined) {
    this.rankOf = rankOf;
  }

  /** Whether a part of a configuration is such an op, and no layer. */
  static isOp(part: { module?: unknown; class_name?: string; config?: Json }): boolean {
    const { module, class_name: className = '', config } = part;
    // Files in HDF5 do not name the module. A layer says whether it is trained; an op has nothing to train.
    if (module === undefined) return OPS.has(className) && config?.['trainable'] === undefined;
    return typeof module === 'string' && module.startsWith('keras.src.ops');
  }

  /**
   * Notes the mask that an op makes.
   *
   * @param inputs the tensors that it takes, @param output the one that it makes
   * @throws ModelFileError for an op that makes no mask.
   */
  op(
    className: string,
    name: string,
    inputs: readonly string[],
    values: readonly unknown[],
    config: Json,
    output: string,
  ): void {
    const mask = this.maskOf(className, inputs, values, config);
    if (mask === undefined) {
      throw unsupported(
        `layer ${name} of class ${className} is an op of Keras, which is supported only where it makes the mask of a Masking or Embedding layer, or of a merge`,
      );
    }
    this.made.set(output, mask);
    const [input = ''] = inputs;
    const rank = this.ranks.get(input) ?? this.rankOf(input);
    const more = { Any: -1, ExpandDims: 1 }[className] ?? 0;
    if (rank !== undefined) this.ranks.set(output, rank + more);
  }

  private maskOf(
    className: string,
    inputs: readonly string[],
    values: readonly unknown[],
    config: Json,
  ): string | undefined {
    const [input = ''] = inputs;
    const made = inputs.map((each) => this.made.get(each));
    const [inner, other] = made;
    const [value] = values;
    const { axis } = config;
    const last = axis === -1 && config['keepdims'] !== true;
    if (inner === undefined) {
      if (inputs.length !== 1) return undefined;
      if (className === 'NotEqual' && typeof value === 'number') return notEqual(input, value);
      if (config['dtype'] !== 'bool' || value !== undefined) return undefined;
      if (className === 'OnesLike') return ones(input);
      return className === 'ZerosLike' ? zeros(input) : undefined;
    }
    if (values.length > 0 || made.includes(undefined)) return undefined;
    if (className === 'Any' && last) return any(inner);
    if (className === 'ExpandDims' && last) return wide(inner);
    if (className === 'LogicalOr' && other !== undefined) return either(inner, other);
    if (className === 'Concatenate' && typeof axis === 'number')
      return concatenated(fromEnd(axis, this.ranks.get(input)), made as readonly string[]);
    return undefined;
  }

  /**
   * Compares the mask that a layer is called with, null for none, with the one that its input has here, and lets the layer
   * ignore the latter where Keras does.
   *
   * @throws ModelFileError where they differ.
   */
  check(layer: Layer, inputs: readonly string[], mask: string | null | undefined): void {
    const className = layer.getClassName();
    const expected = this.ofTensors.get(inputs[0] as string);
    // Where none is named, Keras takes the input's.
    if (mask === undefined) return;
    // Where none was known, too: the mask of a model inside comes as that computes.
    if (mask === null && (expected === undefined || !USERS.has(className))) return;
    const withStates = WITH_STATES.has(className) && inputs.length > 1;
    if (withStates && expected !== undefined) this.checkStates(layer, mask !== null);
    if (mask === null && (withStates || isFromModel(expected as string))) return;
    const given = mask === null ? undefined : this.made.get(mask);
    if (given === undefined || given !== expected) {
      throw unsupported(
        `layer ${layer.name} of class ${className} was called with ${mask === null ? 'no mask although its input has one' : 'another mask than that of its input'}, which is not supported here`,
      );
    }
  }

  /**
   * Keras takes the mask of the input only where that is the only tensor that a layer is called with (`__call__` in
   * keras/src/layers/layer.py): a recurrent layer that begins with given states sees no mask unless it is named.
   */
  private checkStates(layer: Layer, named: boolean): void {
    const before = this.withStates.get(layer);
    if (before !== undefined && before !== named) {
      throw unsupported(
        `layer ${layer.name} of class ${layer.getClassName()} was called with initial_state and a mask, and with initial_state alone, which is not supported here`,
      );
    }
    this.withStates.set(layer, named);
    layerFields(layer).maskWithStates = named;
  }

  /** The mask of a tensor, as a text that says how it is made; undefined where it has none. */
  maskAt(tensor: string): string | undefined {
    return this.ofTensors.get(tensor);
  }

  /** Notes the masks of a layer's outputs. */
  outputOf(layer: Layer, inputs: readonly string[], output: string, named = false): void {
    this.calls.push({ layer, inputs, output, named });
    const className = layer.getClassName();
    const {
      maskZero,
      maskValue,
      returnSequences,
      mergeMode,
      outputs = [],
      unmaskedOutputs = [],
    } = layerFields(layer);
    const [input = ''] = inputs;
    let mask = this.ofTensors.get(input);
    if (MERGING.has(className)) mask = this.merged(layer, inputs);
    else if (MODELS.has(className))
      mask =
        inputs.some((each) => this.ofTensors.has(each)) || makesMasks(layer) ? fromModel(output) : undefined;
    else if (className === 'Masking') mask = this.any(this.notEqual(input, maskValue ?? 0));
    else if (className === 'Embedding') mask = maskZero === true ? this.notEqual(input, 0) : undefined;
    else if (SEQUENCES.has(className)) mask = returnSequences === true ? mask : undefined;
    else if (!layer.supportsMasking) mask = undefined;
    if (mask === undefined) return;
    this.ofTensors.set(output, mask);
    // Both directions of a Bidirectional that does not merge them have the mask; each output of a model may have one.
    const others = MODELS.has(className) ? outputs.length - 1 : Number(mergeMode === null);
    for (let at = 1; at <= others; at++) {
      const key = `${output.slice(0, output.lastIndexOf('/'))}/${at}`;
      this.ofTensors.set(key, MODELS.has(className) ? fromModel(key) : mask);
    }
    for (const at of unmaskedOutputs)
      this.ofTensors.delete(`${output.slice(0, output.lastIndexOf('/'))}/${at}`);
  }

  private merged(layer: Layer, inputs: readonly string[]): string | undefined {
    const masks = inputs.map((input) => this.ofTensors.get(input));
    const className = layer.getClassName();
    if (className === 'Dot' || masks.every((mask) => mask === undefined)) return undefined;
    if (className === 'Concatenate') return this.joined(layer, inputs, masks);
    // True where any input has data, if all inputs have masks (keras/src/layers/merging/base_merge.py).
    if (masks.includes(undefined)) return undefined;
    return (masks as string[]).reduce((one, other) => this.either(one, other));
  }

  /** An input without a mask counts as data everywhere (keras/src/layers/merging/concatenate.py). */
  private joined(layer: Layer, inputs: readonly string[], masks: readonly (string | undefined)[]): string {
    const parts = masks.map((mask, at) => {
      const tensor = inputs[at] as string;
      const config = { dtype: 'bool' };
      if (mask === undefined) {
        return this.noted(ones(tensor), { className: 'OnesLike', config, inputs: [{ tensor }] });
      }
      const made = { className: 'ExpandDims', config: { axis: -1 }, inputs: [{ mask }] };
      const widened = this.noted(wide(mask), made);
      const none = this.noted(zeros(tensor), { className: 'ZerosLike', config, inputs: [{ tensor }] });
      this.ops.set(`${widened} of ${tensor}`, {
        className: 'LogicalOr',
        config: {},
        inputs: [{ mask: widened }, { mask: none }],
      });
      return widened;
    });
    const axis = axisOf(layer);
    const whole = this.noted(concatenated(axis, parts), {
      className: 'Concatenate',
      config: { axis },
      inputs: parts.map((part, at) => ({
        mask: masks[at] === undefined ? part : `${part} of ${inputs[at]}`,
      })),
    });
    return this.any(whole);
  }

  private noted(mask: string, op: MaskOp): string {
    this.ops.set(mask, op);
    return mask;
  }

  private notEqual(tensor: string, value: number): string {
    return this.noted(notEqual(tensor, value), {
      className: 'NotEqual',
      config: {},
      inputs: [{ tensor }],
      value,
    });
  }

  private any(mask: string): string {
    return this.noted(any(mask), {
      className: 'Any',
      config: { axis: -1, keepdims: false },
      inputs: [{ mask }],
    });
  }

  private either(one: string, other: string): string {
    const inputs = [{ mask: one }, { mask: other }];
    return this.noted(either(one, other), { className: 'LogicalOr', config: {}, inputs });
  }

  /** The mask that a layer is handed by name in Keras; undefined where there is none, or none is known. */
  maskFor(layer: Layer, inputs: readonly string[]): string | undefined {
    const mask = this.ofTensors.get(inputs[0] as string);
    const { maskWithStates = false } = layerFields(layer);
    if (mask === undefined || isFromModel(mask) || !USERS.has(layer.getClassName())) return undefined;
    return inputs.length > 1 && !maskWithStates ? undefined : mask;
  }

  /** The op of Keras that makes a mask. */
  opOf(mask: string): MaskOp {
    return this.ops.get(mask) as MaskOp;
  }
}

/** Whether a model has a layer, at any depth, that makes a mask. */
function makesMasks(model: Layer): boolean {
  const { layers = [] } = layerFields(model);
  return layers.some((layer) => {
    const { maskZero } = layerFields(layer);
    return layer.getClassName() === 'Masking' || maskZero === true || makesMasks(layer);
  });
}

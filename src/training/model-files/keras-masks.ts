import type * as Tf from '@tensorflow/tfjs';
import { unsupported } from './errors.ts';
import { ATTENTION } from './keras-attention.ts';
import type { Json } from './keras-layers.ts';
import { MERGING } from './keras-properties.ts';

type Layer = Tf.layers.Layer;

/** Layers that compute with a mask which Keras hands over by name; multi-head attention has it from its inputs. */
const USERS: ReadonlySet<string> = new Set([
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

function either(one: string, other: string): string {
  return `or(${one}, ${other})`;
}

/**
 * Keras writes the ops that make a mask into a functional model, and hands masks to layers by name. tfjs makes masks by
 * itself as it computes. A file loads where both come to the same: each mask is known by how it is made.
 */
export class MaskTracker {
  private readonly ofTensors = new Map<string, string>();
  private readonly made = new Map<string, string>();
  private readonly calls: {
    layer: Layer;
    inputs: readonly string[];
    output: string;
  }[] = [];

  /** Whether a part of a configuration is such an op, and no layer. */
  static isOp({ module, class_name: className }: { module?: unknown; class_name?: string }): boolean {
    // Files in HDF5 do not name the module.
    if (module === undefined) return ['NotEqual', 'Any', 'LogicalOr'].includes(className ?? '');
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
    const [input = ''] = inputs;
    const [inner, other] = inputs.map((each) => this.made.get(each));
    const [value] = values;
    const axis = config['axis'] ?? -1;
    if (className === 'NotEqual' && inner === undefined && typeof value === 'number')
      this.made.set(output, `not_equal(${input}, ${value})`);
    else if (className === 'Any' && inner !== undefined && axis === -1 && config['keepdims'] !== true)
      this.made.set(output, `any(${inner})`);
    else if (className === 'LogicalOr' && inner !== undefined && other !== undefined && inputs.length === 2)
      this.made.set(output, either(inner, other));
    else {
      throw unsupported(
        `layer ${name} of class ${className} is an op of Keras, which is supported only where it makes the mask of a Masking or Embedding layer, or of a merge`,
      );
    }
  }

  /** Compares the mask that a layer is called with, null for none, with the one that its input has here. @throws ModelFileError */
  check(layer: Layer, input: string, mask: string | null | undefined): void {
    const className = layer.getClassName();
    const expected = this.ofTensors.get(input);
    // Where none is named, Keras takes the input's.
    if (mask === undefined || (mask === null && (expected === undefined || !USERS.has(className)))) return;
    const given = mask === null ? undefined : this.made.get(mask);
    if (given === undefined || given !== expected) {
      throw unsupported(
        `layer ${layer.name} of class ${className} was called with ${mask === null ? 'no mask although its input has one' : 'another mask than that of its input'}, which is not supported here`,
      );
    }
  }

  /**
   * Keras takes the masks off the tensors that attention is called with (`call` in
   * keras/src/layers/attention/multi_head_attention.py): layers behind those have none as a model runs there, where here they do.
   *
   * @throws ModelFileError for attention that would have another mask than there.
   */
  checkAttention(): void {
    const takers = new Map<string, Set<object>>();
    for (const call of this.calls) {
      if (call.layer.getClassName() !== ATTENTION) continue;
      for (const input of call.inputs) {
        if (!this.ofTensors.has(input)) continue;
        const set = takers.get(input) ?? new Set();
        takers.set(input, set.add(call));
      }
    }
    const lost = new Set<string>();
    for (const call of this.calls) {
      const { layer, inputs, output } = call;
      const others = (input: string): boolean =>
        [...(takers.get(input) ?? [])].some((taker) => taker !== call);
      if (!inputs.some((input) => lost.has(input) || others(input))) continue;
      if (layer.getClassName() === ATTENTION) {
        throw unsupported(
          `layer ${layer.name} of class ${ATTENTION}: Keras drops the mask of its input in another ${ATTENTION} before it, and a mask that Keras drops is not supported here; ` +
            'hand the mask over as attention_mask (attentionMask: true)',
        );
      }
      if (this.ofTensors.has(output)) lost.add(output);
    }
  }

  /** Notes the mask of a layer's first output. */
  outputOf(layer: Layer, inputs: readonly string[], output: string): void {
    this.calls.push({ layer, inputs, output });
    const className = layer.getClassName();
    const { maskZero, maskValue, returnSequences, supportsMasking } = layer as unknown as {
      maskZero?: boolean;
      maskValue?: number;
      returnSequences?: boolean;
      supportsMasking: boolean;
    };
    const [input = ''] = inputs;
    let mask = this.ofTensors.get(input);
    if (MERGING.has(className)) mask = this.merged(className, inputs);
    else if (className === 'Masking') mask = `any(not_equal(${input}, ${maskValue ?? 0}))`;
    else if (className === 'Embedding') mask = maskZero === true ? `not_equal(${input}, 0)` : undefined;
    else if (SEQUENCES.has(className)) mask = returnSequences === true ? mask : undefined;
    else if (!supportsMasking) mask = undefined;
    if (mask !== undefined) this.ofTensors.set(output, mask);
  }

  /** True where any input has data, if all inputs have masks (keras/src/layers/merging/base_merge.py). */
  private merged(className: string, inputs: readonly string[]): string | undefined {
    const masks = inputs.map((input) => this.ofTensors.get(input));
    // Its mask is made of many ops there: a layer behind that computes with it is refused.
    if (className === 'Concatenate' && masks.some((mask) => mask !== undefined))
      return `concatenate(${masks.join(', ')})`;
    if (className === 'Dot' || masks.includes(undefined)) return undefined;
    return (masks as string[]).reduce(either);
  }
}

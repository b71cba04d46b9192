import type * as Tf from '@tensorflow/tfjs';
import { unsupported } from './errors.ts';
import type { Json } from './keras-layers.ts';

type Layer = Tf.layers.Layer;

/** Layers that compute with a mask. */
const USERS: ReadonlySet<string> = new Set([
  'Bidirectional',
  'ConvLSTM1D',
  'ConvLSTM2D',
  'ConvLSTM3D',
  'GRU',
  'GlobalAveragePooling1D',
  'LSTM',
  'MultiHeadAttention',
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

/**
 * Keras writes the ops that make a mask into a functional model, and hands masks to layers by name. tfjs makes masks by
 * itself as it computes. A file loads where both come to the same: each mask is known by how it is made.
 */
export class MaskTracker {
  private readonly ofTensors = new Map<string, string>();
  private readonly made = new Map<string, string>();

  /** Whether a part of a configuration is such an op, and no layer. */
  static isOp({ module, class_name: className }: { module?: unknown; class_name?: string }): boolean {
    // Files in HDF5 do not name the module.
    if (module === undefined) return className === 'NotEqual' || className === 'Any';
    return typeof module === 'string' && module.startsWith('keras.src.ops');
  }

  /**
   * Notes the mask that an op makes.
   *
   * @param input the tensor that it takes, @param output the one that it makes
   * @throws ModelFileError for an op that makes no mask.
   */
  op(
    className: string,
    name: string,
    input: string,
    values: readonly unknown[],
    config: Json,
    output: string,
  ): void {
    const inner = this.made.get(input);
    const [value] = values;
    const axis = config['axis'] ?? -1;
    if (className === 'NotEqual' && inner === undefined && typeof value === 'number')
      this.made.set(output, `not_equal(${input}, ${value})`);
    else if (className === 'Any' && inner !== undefined && axis === -1 && config['keepdims'] !== true)
      this.made.set(output, `any(${inner})`);
    else {
      throw unsupported(
        `layer ${name} of class ${className} is an op of Keras, which is supported only where it makes the mask of a Masking or Embedding layer`,
      );
    }
  }

  /** Whether the file says which masks layers are called with: older ones do not. */
  told = true;

  /** Compares the mask that a layer is called with, if any, with the one that its input has here. @throws ModelFileError */
  check(layer: Layer, input: string, mask: string | undefined): void {
    const className = layer.getClassName();
    const expected = this.ofTensors.get(input);
    const given = mask === undefined ? undefined : this.made.get(mask);
    if (mask === undefined && (expected === undefined || !this.told || !USERS.has(className))) return;
    if (given === undefined || given !== expected) {
      throw unsupported(
        `layer ${layer.name} of class ${className} was called with ${mask === undefined ? 'no mask although its input has one' : 'another mask than that of its input'}, which is not supported here`,
      );
    }
  }

  /** Notes the mask of a layer's first output. */
  outputOf(layer: Layer, input: string, output: string): void {
    const className = layer.getClassName();
    const { maskZero, maskValue, returnSequences, supportsMasking } = layer as unknown as {
      maskZero?: boolean;
      maskValue?: number;
      returnSequences?: boolean;
      supportsMasking: boolean;
    };
    let mask = this.ofTensors.get(input);
    if (className === 'Masking') mask = `any(not_equal(${input}, ${maskValue ?? 0}))`;
    else if (className === 'Embedding') mask = maskZero === true ? `not_equal(${input}, 0)` : undefined;
    else if (SEQUENCES.has(className)) mask = returnSequences === true ? mask : undefined;
    else if (!supportsMasking) mask = undefined;
    if (mask !== undefined) this.ofTensors.set(output, mask);
  }
}

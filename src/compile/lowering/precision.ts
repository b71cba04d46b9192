import { ProtoWriter } from '../../base/protobuf/writer.ts';
import { TensorflowError } from '../../engines/errors.ts';

/** In what products and convolutions are computed; variables are float32 in any case. */
export type Precision = 'float32' | 'bfloat16' | 'float16';

/**
 * The precision option of `model.compile` and `tensorcell.compile`: a type, `true` for the one that fits the device, or a name of
 * Keras' (https://keras.io/api/mixed_precision/policy/).
 */
export type MixedPrecision = boolean | Precision | 'mixed_bfloat16' | 'mixed_float16';

declare module '@tensorflow/tfjs-layers/dist/engine/training.js' {
  interface ModelCompileArgs {
    /**
     * Products and convolutions in 16 bits, with float32 weights: bfloat16 on CPUs, float16 with dynamic loss
     * scaling on GPUs; `true` takes the one that fits. Holds for everything of the model that runs compiled.
     */
    mixedPrecision?: MixedPrecision;
  }
}

/**
 * The precision that an option asks for.
 *
 * @param gpu whether TensorFlow computes on a GPU.
 * @throws TensorflowError (`INVALID_ARGUMENT`) for a name that does not exist; (`UNIMPLEMENTED`) for float16 on a
 * CPU, and for bfloat16 on a GPU, whose pass of TensorFlow's optimizer knows float16 only.
 */
export function checkedPrecision(option: unknown, gpu: boolean): Precision {
  switch (option) {
    case undefined:
    case false:
    case 'float32':
      return 'float32';
    case true:
      return gpu ? 'float16' : 'bfloat16';
    case 'bfloat16':
    case 'mixed_bfloat16':
      if (gpu) {
        throw new TensorflowError(
          'UNIMPLEMENTED',
          "mixedPrecision: 'bfloat16' is for CPUs; on this GPU use 'float16' (or true, which chooses)",
        );
      }
      return 'bfloat16';
    case 'float16':
    case 'mixed_float16':
      if (!gpu) {
        throw new TensorflowError(
          'UNIMPLEMENTED',
          "mixedPrecision: 'float16' needs a GPU, and TensorFlow computes on the CPU: use 'bfloat16' (or true, which chooses)",
        );
      }
      return 'float16';
    default:
      throw new TensorflowError(
        'INVALID_ARGUMENT',
        `mixedPrecision is ${typeof option === 'string' ? `'${option}'` : String(option)}: ` +
          "give true, false, 'float32', 'bfloat16' or 'float16'",
      );
  }
}

/** RewriterConfig.ON (tensorflow/core/protobuf/rewriter_config.proto). */
const ON = 1;
const TWO_ITERATIONS = 2;

/**
 * The ConfigProto that every call of a function brings along: without it a function gets none of TensorFlow's
 * optimizer, and so no mixed precision.
 */
export function callConfig(precision: Precision): Uint8Array {
  // RewriterConfig { meta_optimizer_iterations = 12, auto_mixed_precision = 23,
  // auto_mixed_precision_onednn_bfloat16 = 31 }
  const rewrite = new ProtoWriter().int(12, TWO_ITERATIONS);
  if (precision === 'bfloat16') rewrite.int(31, ON);
  if (precision === 'float16') rewrite.int(23, ON);
  // ConfigProto { graph_options = 10 { rewrite_options = 10 } }
  return new ProtoWriter().bytes(10, new ProtoWriter().bytes(10, rewrite)).finish();
}

import type { Tensor } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import { isBiasAdd } from '../gradients/binary.ts';
import { kernelReplacer } from '../kernel-replacer.ts';
import { tfInternals, type NodeBackend, type Tf } from '../instance.ts';

/**
 * TensorFlow's own ops where tfjs-node composes several, or reads values back. Each computes what the composed form
 * computes; `test/tensorflow/numerics.test.ts` compares them, with gradients, to tfjs's JavaScript backend. Gradients:
 * `gradients/`.
 */

const FLOAT = { name: 'T', type: ATTR.TYPE, value: TF.FLOAT };

/** Replaces kernels of the backend `tensorflow`; other backends keep theirs. */
export function installNativeKernels(tf: Tf, backend: NodeBackend): void {
  const replaceKernel = kernelReplacer(tf, backend);
  const run = (
    name: string,
    inputs: Tensor[],
    attributes = [FLOAT] as { name: string; type: number; value: unknown }[],
  ) => backend.executeSingleOutput(name, attributes, inputs);

  tfInternals(tf).fusing.off = () => tf.getBackend() === 'tensorflow';

  replaceKernel('Add', (original) => (inputs, attributes) => {
    const { a, b } = inputs as { a: Tensor; b: Tensor };
    if (isBiasAdd(a, b)) return run('BiasAdd', [a, b]);
    return original(inputs, attributes);
  });

  // tfjs-node reads all indices back to check them. TensorFlow checks them itself (on a GPU it gives zeros instead).
  replaceKernel('GatherV2', () => (inputs, attributes) => {
    const { x, indices } = inputs as { x: Tensor; indices: Tensor };
    const axis = tf.util.parseAxisParam(attributes['axis'] as number, x.shape)[0] as number;
    const batchDims = attributes['batchDims'] as number;
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims);
    const axisTensor = tf.scalar(axis, 'int32');
    const result = run(
      'GatherV2',
      [x, indices, axisTensor],
      [
        { name: 'batch_dims', type: ATTR.INT, value: batchDims },
        { name: 'Tparams', type: ATTR.TYPE, value: backend.tensorMap.get(x.dataId).dtype },
        { name: 'Tindices', type: ATTR.TYPE, value: TF.INT32 },
        { name: 'Taxis', type: ATTR.TYPE, value: TF.INT32 },
      ],
    );
    axisTensor.dispose();
    return result;
  });
}

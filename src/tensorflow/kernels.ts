import type { GradConfig, Tensor, TensorInfo } from '@tensorflow/tfjs';
import { ATTR, TF } from './c-api/dtypes.ts';
import { kernelReplacer, type Kernel, type KernelInputs } from './kernel-replacer.ts';
import { tfInternals, type NodeBackend, type Tf } from './tfjs/instance.ts';

/**
 * TensorFlow's own ops where tfjs-node composes several, or reads values back. Each computes what the composed form
 * computes; `test/tensorflow/numerics.test.ts` compares them, with gradients, to tfjs's JavaScript backend.
 */

const FLOAT = { name: 'T', type: ATTR.TYPE, value: TF.FLOAT };

/** `add(x, bias)` as every dense and convolution layer does it. */
function isBiasAdd(a: TensorInfo, b: TensorInfo): boolean {
  return (
    a.dtype === 'float32' &&
    b.dtype === 'float32' &&
    b.shape.length === 1 &&
    a.shape.length >= 2 &&
    a.shape.length <= 5 &&
    a.shape.at(-1) === b.shape[0]
  );
}

/** Replaces kernels and gradients of the backend `tensorflow`; other backends keep theirs. */
export function installKernels(tf: Tf, backend: NodeBackend): void {
  const replaceKernel = kernelReplacer(tf, backend);
  const addKernel = (name: string, kernel: Kernel) => replaceKernel(name, () => kernel);
  const run = (
    name: string,
    inputs: Tensor[],
    attributes = [FLOAT] as { name: string; type: number; value: unknown }[],
  ) => backend.executeSingleOutput(name, attributes, inputs);
  const kernel = (name: string, inputs: KernelInputs): Tensor => tf.engine().runKernel(name, inputs);

  const onTensorflow = () => tf.getBackend() === 'tensorflow';
  tfInternals(tf).fusing.off = onTensorflow;

  replaceKernel('BatchMatMul', (original) => (inputs, attributes) => {
    const { a, b } = inputs as { a: Tensor; b: Tensor };
    // The plain product is faster, and it is what TensorFlow can fuse with a bias and an activation.
    if (a.shape.length !== 2 || b.shape.length !== 2) return original(inputs, attributes);
    return run(
      'MatMul',
      [a, b],
      [
        { name: 'T', type: ATTR.TYPE, value: backend.tensorMap.get(a.dataId).dtype },
        { name: 'transpose_a', type: ATTR.BOOL, value: attributes['transposeA'] },
        { name: 'transpose_b', type: ATTR.BOOL, value: attributes['transposeB'] },
      ],
    );
  });

  replaceKernel('Add', (original) => (inputs, attributes) => {
    const { a, b } = inputs as { a: Tensor; b: Tensor };
    if (isBiasAdd(a, b)) return run('BiasAdd', [a, b]);
    return original(inputs, attributes);
  });
  addKernel('BiasAddGrad', ({ dy }) => run('BiasAddGrad', [dy as Tensor]));

  // tfjs-node reads all indices back to check them. TensorFlow checks them itself (on a GPU it gives zeros instead).
  replaceKernel('GatherV2', () => (inputs, attributes) => {
    const { x, indices } = inputs as { x: Tensor; indices: Tensor };
    const axis = attributes['axis'] as number;
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

  for (const [name, values] of [
    ['ReluGrad', 'features'],
    ['SigmoidGrad', 'y'],
    ['TanhGrad', 'y'],
    ['SoftplusGrad', 'features'],
  ] as const) {
    // TensorFlow's order differs: gradients first for those of features, the value first for those of results.
    addKernel(name, ({ dy, value }) => run(name, (values === 'y' ? [value, dy] : [dy, value]) as Tensor[]));
  }

  const replaceGradient = (
    name: string,
    make: (original: GradConfig['gradFunc']) => Partial<GradConfig> & Pick<GradConfig, 'gradFunc'>,
  ) => {
    const config = tf.getGradient(name);
    const changed = make(config.gradFunc);
    tf.unregisterGradient(name);
    tf.registerGradient({ ...config, ...changed });
  };
  /** These ops have no gradient in tfjs: where another gradient watches this one, the composed form serves. */
  const once = () => onTensorflow() && gradientDepth(tf) === 0;

  const elementwise = (name: string, gradientName: string, saves: Partial<GradConfig> = {}) =>
    replaceGradient(name, (original) => ({
      ...saves,
      gradFunc: (dy, saved, attributes) =>
        once() && (dy as Tensor).dtype === 'float32'
          ? { x: () => kernel(gradientName, { dy: dy as Tensor, value: saved[0] as Tensor }) }
          : original(dy, saved, attributes),
    }));
  // The result is above 0 where the input is; saving that lets TensorFlow fuse the op with what comes before it.
  elementwise('Relu', 'ReluGrad', { inputsToSave: [], outputsToSave: [true] });
  elementwise('Sigmoid', 'SigmoidGrad');
  elementwise('Tanh', 'TanhGrad');
  elementwise('Softplus', 'SoftplusGrad');

  addKernel('LeakyReluGrad', ({ dy, value }, { alpha }) =>
    run(
      'LeakyReluGrad',
      [dy as Tensor, value as Tensor],
      [FLOAT, { name: 'alpha', type: ATTR.FLOAT, value: alpha }],
    ),
  );
  replaceGradient('LeakyRelu', (original) => ({
    // As with Relu; where the slope is negative both sides end above 0, and only the input tells.
    inputsToSave: ['x'],
    outputsToSave: [true],
    gradFunc: (dy, saved, attributes) => {
      const [x, y] = saved as [Tensor, Tensor];
      const alpha = attributes['alpha'] as number;
      if (!once() || (dy as Tensor).dtype !== 'float32' || x.dtype !== 'float32') {
        return original(dy, [x], attributes);
      }
      const value = alpha < 0 ? x : y;
      return { x: () => tf.engine().runKernel('LeakyReluGrad', { dy: dy as Tensor, value }, { alpha }) };
    },
  }));

  replaceGradient('Add', (original) => ({
    gradFunc: (dy, saved, attributes) => {
      const [a, b] = saved as [Tensor, Tensor];
      const gradients = original(dy, saved, attributes);
      if (!once() || !isBiasAdd(a, b)) return gradients;
      return {
        a: () => tf.reshape(dy as Tensor, a.shape),
        b: () => kernel('BiasAddGrad', { dy: dy as Tensor }),
      };
    },
  }));
}

function gradientDepth(tf: Tf): number {
  return (tf.engine() as unknown as { state: { gradientDepth: number } }).state.gradientDepth;
}

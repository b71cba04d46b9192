import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import type { KernelInputs, ReplaceKernel } from '../kernel-replacer.ts';
import type { Tf } from '../instance.ts';

/**
 * Kernels whose ops in TensorFlow take fewer dtypes than in tfjs: they compute with the dtype that is named here.
 * `test/tensorflow/op-goldens.test.ts` compares them with TensorFlow's values, and where it has no such dtype with NumPy's.
 */

/** Kernels that take truth values as int32; their result stays so, or becomes one of truth values again. */
const TRUTHS_AS_INTEGERS: Readonly<Record<string, 'integers' | 'truths'>> = {
  Cumprod: 'integers',
  Cumsum: 'integers',
  // The result of a comparison has a dtype that does not depend on this.
  Greater: 'integers',
  GreaterEqual: 'integers',
  Less: 'integers',
  LessEqual: 'integers',
  UnsortedSegmentSum: 'integers',
  Abs: 'truths',
  BatchToSpaceND: 'truths',
  Diag: 'truths',
  Relu: 'truths',
  Relu6: 'truths',
  Sign: 'truths',
  SpaceToBatchND: 'truths',
  Square: 'truths',
};

/** Kernels of which whole numbers are their own result. */
const ROUNDING = ['Ceil', 'Floor', 'Round'];

export function installDtypes(tf: Tf, replaceKernel: ReplaceKernel): void {
  const withDtype = (inputs: KernelInputs, from: string, to: 'int32'): KernelInputs =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, x]) => [name, x.dtype === from ? tf.cast(x, to) : x]),
    );

  for (const [name, result] of Object.entries(TRUTHS_AS_INTEGERS)) {
    replaceKernel(name, (original) => (inputs, attributes) => {
      if (Object.values(inputs).every(({ dtype }) => dtype !== 'bool')) return original(inputs, attributes);
      return tf.tidy(() => {
        const computed = original(withDtype(inputs, 'bool', 'int32'), attributes) as Tensor;
        return result === 'truths' ? tf.cast(computed, 'bool') : computed;
      });
    });
  }

  // The largest of truth values is whether any is true, also of none.
  for (const [name, reduce] of [
    ['Max', tf.any],
    ['Min', tf.all],
  ] as const) {
    replaceKernel(name, (original) => (inputs, attributes) => {
      const x = inputs['x'] as Tensor;
      if (x.dtype !== 'bool') return original(inputs, attributes);
      // tfjs's two kernels call the axes by different names.
      const axes = (attributes['reductionIndices'] ?? attributes['axis']) as number[];
      return reduce(x, axes, attributes['keepDims'] as boolean);
    });
  }

  replaceKernel('TopK', (original) => (inputs, attributes) => {
    if (inputs['x']?.dtype !== 'bool') return original(inputs, attributes);
    return tf.tidy(() => {
      const [values, indices] = original(withDtype(inputs, 'bool', 'int32'), attributes) as [Tensor, Tensor];
      return [tf.cast(values, 'bool'), indices];
    });
  });

  // TensorFlow has pools of volumes for floats only.
  replaceKernel('MaxPool3D', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    if (x.dtype === 'float32') return original(inputs, attributes);
    return tf.tidy(() => original({ x: tf.cast(x, 'float32') }, attributes) as Tensor);
  });

  // TensorFlow's own rounds integers to 0, or refuses them.
  for (const name of ROUNDING) {
    replaceKernel(name, (original) => (inputs, attributes) => {
      const x = inputs['x'] as Tensor;
      return x.dtype === 'int32' || x.dtype === 'bool' ? tf.clone(x) : original(inputs, attributes);
    });
  }

  // tfjs-node names the dtype that both branches become, and leaves them as they are.
  replaceKernel('Select', (original) => (inputs, attributes) => {
    const { condition, t, e } = inputs as { condition: Tensor; t: Tensor; e: Tensor };
    if (t.dtype === e.dtype) return original(inputs, attributes);
    const dtype = tf.backend_util.upcastType(t.dtype, e.dtype);
    return tf.tidy(
      () => original({ condition, t: tf.cast(t, dtype), e: tf.cast(e, dtype) }, attributes) as Tensor,
    );
  });

  // TensorFlow has other formats than NHWC on GPUs only.
  replaceKernel('DepthToSpace', (original) => (inputs, attributes: NamedAttrMap) => {
    if (attributes['dataFormat'] !== 'NCHW') return original(inputs, attributes);
    return tf.tidy(() => {
      const last = tf.transpose(inputs['x'] as Tensor, [0, 2, 3, 1]);
      const wide = original({ x: last }, { ...attributes, dataFormat: 'NHWC' }) as Tensor;
      return tf.transpose(wide, [0, 3, 1, 2]);
    });
  });
}

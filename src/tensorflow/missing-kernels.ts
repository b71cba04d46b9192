import type { NamedAttrMap, Tensor, TensorInfo } from '@tensorflow/tfjs';
import { ATTR, TF } from './c-api/dtypes.ts';
import { installDtypes } from './kernel-dtypes.ts';
import { kernelReplacer, type KernelInputs } from './kernel-replacer.ts';
import { LIST_CHECKS } from './list-kernel-checks.ts';
import { installNumericPadding } from './numeric-padding.ts';
import type { NodeBackend, Tf } from './tfjs/instance.ts';

/**
 * Kernels that tfjs-node lacks or that refuse what tfjs's other backends take: `test/judge` runs tfjs-core's own tests
 * on them. Numeric ones are TensorFlow's ops; what is about texts, ragged and sparse tensors runs in JavaScript, where
 * TensorFlow itself would use the processor too.
 */

/** tfjs's JavaScript backend, as far as a single kernel needs it. */
interface JavaScriptBackend {
  write(values: unknown, shape: number[], dtype: string): object;
  data: { get(dataId: object): { values: unknown } };
  disposeData(dataId: object, force: boolean): boolean;
}

/** Kernels that have a form in JavaScript only, and run in no time compared with the texts and lists that they take. */
const LISTS = [
  'RaggedGather',
  'RaggedRange',
  'RaggedTensorToTensor',
  'SparseFillEmptyRows',
  'SparseReshape',
  'StringNGrams',
  'StringSplit',
  'StringToHashBucketFast',
];

/** Adds and repairs kernels of the backend `tensorflow`; `say` is told once about each that is slow. */
export function installMissingKernels(tf: Tf, backend: NodeBackend, say: (line: string) => void): void {
  const replaceKernel = kernelReplacer(tf, backend);
  const type = (name: string, value: number) => ({ name, type: ATTR.TYPE, value });
  const text = (name: string, value: string) => ({ name, type: ATTR.STRING, value });
  const flag = (name: string, value: boolean) => ({ name, type: ATTR.BOOL, value });
  const dtypeOf = (tensor: Tensor) => backend.tensorMap.get(tensor.dataId).dtype;
  const execute = (
    backend as unknown as { executeMultipleOutputs: MultipleOutputs }
  ).executeMultipleOutputs.bind(backend);
  const inJavaScript = javaScriptKernels(tf, backend);

  for (const name of LISTS)
    replaceKernel(name, () => (inputs, attributes) => {
      LIST_CHECKS[name]?.(inputs, attributes);
      return inJavaScript(name, inputs, attributes);
    });
  const told = new Set<string>();
  const slowly = (name: string, inputs: KernelInputs, attributes: NamedAttrMap) => {
    if (!told.has(name)) {
      told.add(name);
      say(`${name} runs in JavaScript on the CPU: TensorFlow has no such op.`);
    }
    return inJavaScript(name, inputs, attributes);
  };
  replaceKernel(
    'RotateWithOffset',
    () => (inputs, attributes) => slowly('RotateWithOffset', inputs, attributes),
  );

  replaceKernel(
    'BitwiseAnd',
    () =>
      ({ a, b }) =>
        backend.executeSingleOutput('BitwiseAnd', [type('T', TF.INT32)], [a as Tensor, b as Tensor]),
  );

  replaceKernel(
    'DenseBincount',
    () =>
      ({ x, weights }, { size, binaryOutput }) =>
        tf.tidy(() =>
          backend.executeSingleOutput(
            'DenseBincount',
            [
              type('Tidx', TF.INT32),
              type('T', dtypeOf(weights as Tensor)),
              flag('binary_output', binaryOutput === true),
            ],
            [x as Tensor, tf.scalar(size as number, 'int32'), weights as Tensor],
          ),
        ),
  );

  replaceKernel('MaxPoolWithArgmax', () => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    const { filterSize, strides, pad, includeBatchInIndex } = attributes as {
      filterSize: number;
      strides: number;
      pad: 'valid' | 'same' | number;
      includeBatchInIndex: boolean;
    };
    const info = tf.backend_util.computePool2DInfo(
      x.shape as [number, number, number, number],
      filterSize,
      strides,
      1,
      pad,
    );
    if (info.padInfo.type !== 'VALID' && info.padInfo.type !== 'SAME') {
      return slowly('MaxPoolWithArgmax', inputs, attributes);
    }
    const list = (name: string, values: number[]) => ({ name, type: ATTR.INT, value: values });
    return execute(
      'MaxPoolWithArgmax',
      [
        list('ksize', [1, info.filterHeight, info.filterWidth, 1]),
        list('strides', [1, info.strideHeight, info.strideWidth, 1]),
        type('Targmax', TF.INT32),
        text('padding', info.padInfo.type),
        flag('include_batch_in_index', includeBatchInIndex),
        type('T', dtypeOf(x)),
      ],
      [x],
      2,
    );
  });

  replaceKernel(
    'SearchSorted',
    () =>
      ({ sortedSequence, values }, { side }) =>
        tf.tidy(() => {
          const [sequence, sought] = [sortedSequence as Tensor, values as Tensor];
          const common = sequence.dtype === sought.dtype && sought.dtype !== 'bool';
          // Of two kinds of numbers both become float32, as for tfjs's other ops; truth values become integers.
          const wide = sequence.dtype === 'float32' || sought.dtype === 'float32' ? 'float32' : 'int32';
          const [a, b] = common ? [sequence, sought] : [tf.cast(sequence, wide), tf.cast(sought, wide)];
          return backend.executeSingleOutput(
            side === 'left' ? 'LowerBound' : 'UpperBound',
            [type('T', dtypeOf(b)), type('out_type', TF.INT32)],
            [a, b],
          );
        }),
  );

  replaceKernel(
    'Transform',
    () =>
      ({ image, transforms }, attributes) =>
        tf.tidy(() => {
          const { interpolation, fillMode, fillValue, outputShape } = attributes as {
            interpolation: string;
            fillMode: string;
            fillValue: number;
            outputShape?: [number, number];
          };
          const [, height, width] = (image as Tensor).shape as [number, number, number];
          return backend.executeSingleOutput(
            'ImageProjectiveTransformV3',
            [
              type('dtype', dtypeOf(image as Tensor)),
              text('interpolation', interpolation.toUpperCase()),
              text('fill_mode', fillMode.toUpperCase()),
            ],
            [
              image as Tensor,
              transforms as Tensor,
              tf.tensor1d(outputShape ?? [height, width], 'int32'),
              tf.scalar(fillValue),
            ],
          );
        }),
  );

  for (const name of ['SparseSegmentMean', 'SparseSegmentSum']) {
    replaceKernel(name, () => (inputs, attributes) => {
      const { data, indices, segmentIds } = inputs as Record<'data' | 'indices' | 'segmentIds', Tensor>;
      // TensorFlow has no mean of integers, and wants to see ids before it says what is wrong with them.
      if (data.dtype !== 'float32' || segmentIds.size === 0) return inJavaScript(name, inputs, attributes);
      return backend.executeSingleOutput(
        name,
        [type('T', TF.FLOAT), type('Tidx', TF.INT32), type('Tsegmentids', TF.INT32)],
        [data, indices, segmentIds],
      );
    });
  }

  // TensorFlow compares numbers only.
  for (const name of ['Greater', 'GreaterEqual', 'Less', 'LessEqual']) {
    replaceKernel(
      name,
      (original) => (inputs, attributes) =>
        inputs['a']?.dtype === 'string'
          ? inJavaScript(name, inputs, attributes)
          : original(inputs, attributes),
    );
  }
  installDtypes(tf, replaceKernel);

  // keras/src/layers/activations/prelu.py; tfjs-node's subtracts infinity from infinity.
  replaceKernel('Prelu', () => (inputs) => {
    const { x, alpha } = inputs as { x: Tensor; alpha: Tensor };
    return tf.tidy(() => {
      const value = tf.cast(x, 'float32');
      return tf.sub(tf.relu(value), tf.mul(tf.cast(alpha, 'float32'), tf.relu(tf.neg(value))));
    });
  });
  // tfjs-node's disposes an argument of integers.
  replaceKernel('Exp', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    if (x.dtype === 'float32' || x.dtype === 'complex64') return original(inputs, attributes);
    return tf.tidy(() => original({ ...inputs, x: tf.cast(x, 'float32') }, attributes) as Tensor);
  });
  replaceKernel('LeakyRelu', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    if (x.dtype === 'float32') return original(inputs, attributes);
    return tf.tidy(() => original({ ...inputs, x: tf.cast(x, 'float32') }, attributes) as Tensor);
  });
  replaceKernel('Step', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    if (x.dtype === 'float32') return original(inputs, attributes);
    return tf.tidy(() =>
      tf.cast(original({ ...inputs, x: tf.cast(x, 'float32') }, attributes) as Tensor, x.dtype),
    );
  });
  replaceKernel('StridedSlice', (original) => (inputs, attributes) => {
    const { begin, strides } = attributes as { begin: number[]; strides?: number[] };
    return original(inputs, { ...attributes, strides: strides ?? begin.map(() => 1) });
  });

  // A list of indices is one of many places for tfjs, and one place in many dimensions for TensorFlow.
  replaceKernel('ScatterNd', (original) => (inputs, attributes) => {
    const indices = inputs['indices'] as Tensor;
    if (indices.rank !== 1) return original(inputs, attributes);
    return tf.tidy(
      () => original({ ...inputs, indices: tf.reshape(indices, [indices.size, 1]) }, attributes) as Tensor,
    );
  });

  // Equal seeds draw equal numbers: TensorFlow's op with a state goes on in its stream instead.
  replaceKernel(
    'Multinomial',
    () =>
      ({ logits }, { numSamples, seed, normalized }) =>
        tf.tidy(() => {
          const scores = normalized === true ? tf.log(logits as Tensor) : (logits as Tensor);
          const halves = new Int32Array(Float64Array.of(seed as number).buffer);
          return backend.executeSingleOutput(
            'StatelessMultinomial',
            [type('T', TF.FLOAT), type('Tseed', TF.INT32), type('output_dtype', TF.INT32)],
            [scores, tf.scalar(numSamples as number, 'int32'), tf.tensor1d(halves, 'int32')],
          );
        }),
  );

  installNumericPadding(tf, replaceKernel);

  // Of an op with one output tfjs gives its gradient as a tensor; these want a list (a sequence of one step of time).
  for (const name of ['Unpack', 'SplitV']) {
    const config = tf.getGradient(name);
    tf.unregisterGradient(name);
    tf.registerGradient({
      ...config,
      gradFunc: (dy, saved, attributes) => config.gradFunc(Array.isArray(dy) ? dy : [dy], saved, attributes),
    });
  }
}

type MultipleOutputs = (
  name: string,
  attributes: { name: string; type: number; value: unknown }[],
  inputs: readonly Tensor[],
  outputs: number,
) => Tensor[];

/** Runs one kernel of tfjs's JavaScript backend on tensors of ours. */
function javaScriptKernels(
  tf: Tf,
  backend: NodeBackend,
): (name: string, inputs: KernelInputs, attributes: NamedAttrMap) => TensorInfo | TensorInfo[] {
  const ours = backend as NodeBackend & { write(values: unknown, shape: number[], dtype: string): object };
  return (name, inputs, attrs) => {
    const javaScript = tf.findBackend('cpu') as unknown as JavaScriptBackend;
    const made: object[] = [];
    const there = (part: Tensor | Tensor[]): TensorInfo | TensorInfo[] => {
      if (Array.isArray(part)) return part.map((one) => there(one) as TensorInfo);
      const { shape, dtype } = part;
      const dataId = javaScript.write(backend.readSync(part.dataId), shape, dtype);
      made.push(dataId);
      return { dataId: dataId, shape, dtype };
    };
    const back = ({ dataId, shape, dtype }: TensorInfo): TensorInfo => {
      made.push(dataId);
      const { values } = javaScript.data.get(dataId);
      return { dataId: ours.write(values, shape, dtype), shape, dtype };
    };
    try {
      const { kernelFunc } = tf.getKernel(name, 'cpu');
      const results = kernelFunc({
        inputs: Object.fromEntries(Object.entries(inputs).map(([key, part]) => [key, there(part)])) as Record<
          string,
          TensorInfo
        >,
        backend: javaScript,
        attrs,
      });
      return Array.isArray(results) ? results.map(back) : back(results);
    } finally {
      for (const dataId of new Set(made)) javaScript.disposeData(dataId, true);
    }
  };
}

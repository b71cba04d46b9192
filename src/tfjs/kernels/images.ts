import type { Tensor } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import { flag, text, type, type KernelTools } from './kernel-tools.ts';

/** Kernels on images. */
export function installImages(tools: KernelTools): void {
  const { tf, backend, replaceKernel, dtypeOf, slowly } = tools;
  replaceKernel(
    'RotateWithOffset',
    () => (inputs, attributes) => slowly('RotateWithOffset', inputs, attributes),
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

  installMaxPoolWithArgmax(tools);
}

function installMaxPoolWithArgmax({ tf, backend, replaceKernel, dtypeOf, slowly }: KernelTools): void {
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
    return backend.executeMultipleOutputs(
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
}

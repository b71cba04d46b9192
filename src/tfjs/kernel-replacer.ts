import type { KernelConfig, NamedAttrMap, Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { NodeBackend, Tf } from './instance.ts';

export type KernelInputs = Record<string, Tensor>;
export type Kernel = (inputs: KernelInputs, attributes: NamedAttrMap) => TensorInfo | TensorInfo[];
/** Puts a kernel in the place of tfjs-node's, which the new one may call; `original` throws where there was none. */
export type ReplaceKernel = (name: string, make: (original: Kernel) => Kernel) => void;

/** Replaces kernels of the backend `tensorflow`; other backends keep theirs. */
export function kernelReplacer(tf: Tf, backend: NodeBackend): ReplaceKernel {
  return (name, make) => {
    const config = tf.getKernel(name, 'tensorflow') as KernelConfig | undefined;
    const kernel = make((inputs, attrs) => {
      if (config === undefined) throw new Error(`tfjs-node has no kernel ${name}`);
      return config.kernelFunc({ inputs, backend, attrs });
    });
    if (config !== undefined) tf.unregisterKernel(name, 'tensorflow');
    tf.registerKernel({
      ...config,
      kernelName: name,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, attrs }) => kernel(inputs as KernelInputs, attrs ?? {}),
    });
  };
}

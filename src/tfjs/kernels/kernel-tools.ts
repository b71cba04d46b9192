import type { Tensor } from '@tensorflow/tfjs';
import { ATTR } from '../../engines/dtypes.ts';
import { kernelReplacer, type ReplaceKernel } from '../kernel-replacer.ts';
import type { NodeBackend, Tf } from '../instance.ts';
import { javaScriptKernels, type RunKernel } from './javascript-kernels.ts';

/** Tools that the kernels of this folder are written with. */
export interface KernelTools {
  readonly tf: Tf;
  readonly backend: NodeBackend;
  readonly replaceKernel: ReplaceKernel;
  /** TensorFlow's dtype of a tensor. */
  readonly dtypeOf: (tensor: Tensor) => number;
  /** Runs the kernel of tfjs's JavaScript backend. */
  readonly inJavaScript: RunKernel;
  /** The same for a kernel that TensorFlow has no op for; the user is told once about each. */
  readonly slowly: RunKernel;
}

export const type = (name: string, value: number) => ({ name, type: ATTR.TYPE, value });
export const text = (name: string, value: string) => ({ name, type: ATTR.STRING, value });
export const flag = (name: string, value: boolean) => ({ name, type: ATTR.BOOL, value });

/** @param notify is told once about each kernel that is slow. */
export function kernelTools(tf: Tf, backend: NodeBackend, notify: (line: string) => void): KernelTools {
  const inJavaScript = javaScriptKernels(tf, backend);
  const told = new Set<string>();
  return {
    tf,
    backend,
    replaceKernel: kernelReplacer(tf, backend),
    dtypeOf: (tensor) => backend.tensorMap.get(tensor.dataId).dtype,
    inJavaScript,
    slowly(name, inputs, attributes) {
      if (!told.has(name)) {
        told.add(name);
        notify(`${name} runs in JavaScript on the CPU: TensorFlow has no such op.`);
      }
      return inJavaScript(name, inputs, attributes);
    },
  };
}

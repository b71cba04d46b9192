import type { NamedAttrMap, Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { KernelInputs } from '../kernel-replacer.ts';
import type { NodeBackend, Tf } from '../instance.ts';

/** tfjs's JavaScript backend, as far as a single kernel needs it. */
interface JavaScriptBackend {
  write(values: unknown, shape: number[], dtype: string): object;
  data: { get(dataId: object): { values: unknown } };
  disposeData(dataId: object, force: boolean): boolean;
}

function isJavaScriptBackend(backend: object | null): backend is JavaScriptBackend {
  return backend !== null && 'data' in backend && 'write' in backend && 'disposeData' in backend;
}

/** Runs a kernel by its name. */
export type RunKernel = (
  name: string,
  inputs: KernelInputs,
  attributes: NamedAttrMap,
) => TensorInfo | TensorInfo[];

/** Runs one kernel of tfjs's JavaScript backend on tensors of the backend `tensorflow`. */
export function javaScriptKernels(tf: Tf, backend: NodeBackend): RunKernel {
  const ours = backend as NodeBackend & { write(values: unknown, shape: number[], dtype: string): object };
  return (name, inputs, attrs) => {
    const javaScript: object | null = tf.findBackend('cpu');
    if (!isJavaScriptBackend(javaScript)) throw new Error(`tfjs has no backend cpu, which runs ${name}`);
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

import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import { engineOf } from '../engine.ts';
import type { GradientTools } from './gradient-tools.ts';

/** A kernel as other ops; undefined where the kernel itself is to run. */
export type Composite = (
  inputs: Record<string, Tensor>,
  attributes: NamedAttrMap,
) => Tensor | Tensor[] | undefined;
export type Composites = Map<string, Composite>;

/**
 * Lets some kernels be other ops before tfjs records them, for attributes that TensorFlow's own op refuses or ignores: so
 * they have the gradients of these ops, of any order.
 */
export function installComposites({ tf, onTensorflow }: GradientTools): Composites {
  const composites: Composites = new Map();
  const engine = engineOf(tf);
  const runKernel = engine.runKernel.bind(engine);
  engine.runKernel = (name, inputs, attributes) => {
    const composite = composites.get(name);
    const result =
      composite === undefined || !onTensorflow() ? undefined : composite(inputs, attributes ?? {});
    return result ?? runKernel(name, inputs, attributes);
  };
  return composites;
}

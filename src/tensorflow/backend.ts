import type { Binding } from './binding.ts';
import { tfInternals, type NodeBackend, type Tf } from './tfjs/instance.ts';

let backend: NodeBackend | undefined;

/** Registers tfjs-node's backend over our binding as `tensorflow`, and makes it the one in use. */
export function registerTensorflowBackend(tf: Tf, binding: Binding): void {
  if (backend !== undefined) return;
  const internals = tfInternals(tf);
  const made = new internals.NodeJSKernelBackend(binding, 'tensorcell');
  backend = made;
  internals.registerKernels();
  tf.registerBackend('tensorflow', () => made as unknown as ReturnType<typeof tf.backend>, 3);
  // With a backend that is made at once this is done when the call returns.
  void tf.setBackend('tensorflow');
}

/** The backend `tensorflow`; undefined where tfjs runs without it. */
export function tensorflowBackend(): NodeBackend | undefined {
  return backend;
}

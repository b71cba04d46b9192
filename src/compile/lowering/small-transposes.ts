import type { Tensor } from '@tensorflow/tfjs';
import { kernelReplacer } from '../../tfjs/kernel-replacer.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { activeTrace } from '../tracing/active-trace.ts';

/** Up to this many numbers copying row by row on one thread takes less time than others need to wake up. */
const SMALL = 65_536;

/**
 * Batch and time exchanged, as recurrent layers do it, by picking rows: on CPUs oneDNN transposes with threads that
 * cost 150 µs however small the tensor is. Only in graphs; eagerly nothing changes.
 */
export function installSmallTransposes(tf: Tf, backend: NodeBackend): void {
  kernelReplacer(tf, backend)('Transpose', (original) => (inputs, attributes) => {
    const { x } = inputs as { x: Tensor };
    const order = attributes['perm'] as number[];
    const trace = activeTrace();
    const [first = 0, second = 0, ...rest] = x.shape;
    const exchanged = order.length > 2 && order.every((axis, i) => axis === (i < 2 ? 1 - i : i));
    if (trace === undefined || !exchanged || x.size > SMALL || x.size === 0)
      return original(inputs, attributes);
    if (backend.engine.onGpu) return original(inputs, attributes);
    // XLA fuses a transpose with what comes after it.
    trace.differsForXla = true;
    if (trace.forXla) return original(inputs, attributes);
    return tf.tidy(() => {
      const rows = Int32Array.from(
        { length: first * second },
        (_, i) => (i % first) * second + Math.floor(i / first),
      );
      const picked = tf.gather(tf.reshape(x, [first * second, ...rest]), tf.tensor1d(rows, 'int32'));
      return tf.reshape(picked, [second, first, ...rest]);
    });
  });
}

import type { Tensor } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import { kernelReplacer } from '../../tfjs/kernel-replacer.ts';
import { engineOf } from '../../tfjs/engine.ts';
import { tfInternals, type NodeBackend, type Tf } from '../../tfjs/instance.ts';
import { activeTrace } from '../tracing/active-trace.ts';

/** Up to this many numbers a softmax is computed on one thread in less time than others need to wake up. */
const SMALL = 32_768;

const FLOAT = { name: 'T', type: ATTR.TYPE, value: TF.FLOAT };

/**
 * A classifier's last step in graphs: a small softmax as the exponential of its logarithm, and the cross-entropy from that
 * logarithm. Eagerly nothing changes.
 */
export function installSoftmax(tf: Tf, backend: NodeBackend): void {
  const run = (name: string, input: Tensor) => backend.executeSingleOutput(name, [FLOAT], [input]);

  // On CPUs oneDNN computes softmax, with threads that cost 80 µs however small it is; not the logarithm.
  kernelReplacer(tf, backend)('Softmax', (original) => (inputs, attributes) => {
    const { logits } = inputs as { logits: Tensor };
    const trace = activeTrace();
    const small = logits.size <= SMALL && logits.dtype === 'float32' && logits.shape.length === 2;
    if (!small || trace === undefined || trace.nested || backend.engine.onGpu) {
      return original(inputs, attributes);
    }
    const logarithm = run('LogSoftmax', logits);
    const result = run('Exp', logarithm);
    trace.softmaxes.set(trace.outputOf(result).oper, trace.outputOf(logarithm));
    logarithm.dispose();
    return result;
  });

  // tfjs composes it of six ops, and has no kernel of the name for TensorFlow.
  tf.registerKernel({
    kernelName: 'LogSoftmax',
    backendName: 'tensorflow',
    kernelFunc: ({ inputs }) => {
      const { logits } = inputs as { logits: Tensor };
      if (logits.dtype === 'float32') return run('LogSoftmax', logits);
      const cast = tf.cast(logits, 'float32');
      const result = run('LogSoftmax', cast);
      cast.dispose();
      return result;
    },
  });

  // tfjs composes -sum(target * log(clip(output / sum(output), epsilon, 1 - epsilon))).
  tfInternals(tf).crossEntropy.ofProbabilities = (target, output, epsilon) => {
    const trace = activeTrace();
    const { state } = engineOf(tf);
    if (trace === undefined || trace.nested || state.gradientDepth !== 1) return undefined;
    const logarithm = trace.softmaxes.get(trace.outputOf(output).oper);
    if (logarithm === undefined) return undefined;
    // The gradient below leaves out a number that is the same for all classes: softmax's own gradient takes it away.
    const onTape = state.activeTape?.some(
      ({ kernelName, outputs }) => kernelName === 'Softmax' && outputs.some(({ id }) => id === output.id),
    );
    if (onTape !== true) return undefined;
    const loss = tf.customGrad((probabilities, targets, save) => {
      const [p, y] = [probabilities as Tensor, targets as Tensor];
      const logs = trace.symbol(logarithm);
      const clipped = tf.clipByValue(
        logs,
        Math.log(Math.fround(epsilon)),
        Math.log(Math.fround(1 - epsilon)),
      );
      (save as (tensors: Tensor[]) => void)([p, y, logs, clipped]);
      return {
        value: tf.neg(tf.sum(tf.mul(y, clipped), -1)),
        gradFunc: (dy, saved) => {
          const [p1, y1, logs1, clipped1] = saved as [Tensor, Tensor, Tensor, Tensor];
          const each = tf.expandDims(tf.neg(dy), -1);
          // Where it was clipped there is no slope.
          const slope = tf.where(tf.equal(clipped1, logs1), tf.div(y1, p1), tf.zerosLike(p1));
          return [tf.mul(slope, each), tf.mul(clipped1, each)];
        },
      };
    });
    return loss(output, tf.cast(target, 'float32'));
  };
}

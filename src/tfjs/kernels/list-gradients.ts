import type { Tf } from '../instance.ts';

/** Repairs gradients of ops that give lists. */
export function installListGradients(tf: Tf): void {
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

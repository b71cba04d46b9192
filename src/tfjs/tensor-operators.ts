import type { Tensor } from '@tensorflow/tfjs';
import type { Tf } from './instance.ts';

/** Indices that are explained: JavaScript has no way to catch all of them that does not slow down every tensor. */
const INDICES = Array.from({ length: 110 }, (_, i) => i - 10);

const METHODS = 'a.add(b), a.sub(b), a.mul(b), a.div(b), a.less(b), a.greater(b) or a.equal(b)';

/**
 * Operators and brackets on tensors throw an error that names the method. JavaScript would make NaN of `tensor * 2`, a
 * text of `a + a`, and `undefined` of `x[0]`. Template literals and `String(x)` give the tensor's text as before.
 */
export function installTensorOperators(tf: Tf): void {
  const named = (tensor: Tensor) => `a tensor of shape [${tensor.shape.join()}]`;
  define(tf.Tensor.prototype, Symbol.toPrimitive, {
    value(this: Tensor, hint: 'string' | 'number' | 'default'): string {
      if (hint === 'string') return this.toString();
      throw new TypeError(
        `JavaScript's operators do not compute with ${named(this)}: use ${METHODS}. ` +
          'Its text is `${a}`, and its first number (await a.data())[0].',
      );
    },
  });
  define(tf.SymbolicTensor.prototype, Symbol.toPrimitive, {
    value(this: { name: string }, hint: 'string' | 'number' | 'default'): string {
      if (hint === 'string') return Object.prototype.toString.call(this);
      throw new TypeError(
        `JavaScript's operators do not compute with the output of a layer (${this.name}): use a layer, for example ` +
          'tf.layers.add().apply([a, b]) or tf.layers.multiply().apply([a, b])',
      );
    },
  });
  for (const index of INDICES) {
    define(tf.Tensor.prototype, String(index), {
      get(this: Tensor): never {
        const last =
          index < 0
            ? `a.gather(a.shape[0] ${index < 0 ? '- ' : ''}${Math.abs(index)})`
            : `a.gather(${index})`;
        throw new TypeError(
          `[${index}] does not index ${named(this)}: use ${last} for a row as a tensor, a.slice(begin, size) for a ` +
            'part, or (await a.array()) for plain arrays, which have indices',
        );
      },
      set(this: Tensor): never {
        throw new TypeError(
          `[${index}] does not change ${named(this)}: tensors never change. Use tf.tensorScatterUpdate for a changed ` +
            'copy, or fill a buffer: tf.buffer(shape).set(value, ...indices)',
        );
      },
    });
  }
}

/** A property that no listing of a tensor shows. */
function define(
  prototype: object,
  key: string | symbol,
  descriptor: PropertyDescriptor & ThisType<never>,
): void {
  Object.defineProperty(prototype, key, { configurable: true, enumerable: false, ...descriptor });
}

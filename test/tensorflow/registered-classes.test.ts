/** One name for classes of several kinds: each is found by its kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tf } from './user-code-trials.ts';

type Registered = Parameters<typeof tf.serialization.registerClass>[0];
type Kind = abstract new (...args: never[]) => object;

/** The class that the registered classes of a kind extend, from one of them. */
const kinds: Record<string, { base: Kind; use: (className: string) => unknown }> = {
  layer: {
    base: tf.layers.Layer,
    use: (className) =>
      tf.models.modelFromJSON({
        modelTopology: {
          class_name: 'Sequential',
          config: {
            name: 'holder',
            layers: [
              { class_name: 'InputLayer', config: { batch_input_shape: [null, 2], name: 'entry' } },
              { class_name: className, config: { name: 'inner' } },
            ],
          },
        },
      }),
  },
  initializer: {
    base: Object.getPrototypeOf(tf.initializers.ones().constructor) as Kind,
    use: (className) => tf.layers.dense({ units: 1, kernelInitializer: className }),
  },
  regularizer: {
    base: Object.getPrototypeOf(tf.regularizers.l1().constructor) as Kind,
    use: (className) => tf.layers.dense({ units: 1, kernelRegularizer: className }),
  },
  constraint: {
    base: Object.getPrototypeOf(tf.constraints.nonNeg().constructor) as Kind,
    use: (className) => tf.layers.dense({ units: 1, kernelConstraint: className }),
  },
};

/** A class of a kind that counts its instances. */
function counting(kind: string, className: string, made: Record<string, number>): Registered {
  const { base } = kinds[kind] as { base: Kind };
  class Counting extends (base as new (...args: unknown[]) => object) {
    static className = className;
    constructor(...args: unknown[]) {
      super(...args);
      made[kind] = (made[kind] ?? 0) + 1;
    }
    call(inputs: unknown): unknown {
      return inputs;
    }
    apply(...args: unknown[]): unknown {
      return kind === 'layer' ? (tf.layers.Layer.prototype.apply as Function).apply(this, args) : args[0];
    }
    static fromConfig(cls: new (config: object) => object, config: object): object {
      return new cls(config);
    }
    getConfig(): object {
      return {};
    }
    getClassName(): string {
      return className;
    }
  }
  return Counting as unknown as Registered;
}

test('classes of one name are found by their kind, in whatever order they were registered', async () => {
  const names = Object.keys(kinds);
  let serial = 0;
  for (const order of [names, names.toReversed()]) {
    const className = `Shared${serial++}`;
    const made: Record<string, number> = {};
    for (const kind of order) tf.serialization.registerClass(counting(kind, className, made));
    for (const kind of names) {
      for (const all of names) made[all] = 0;
      await (kinds[kind] as { use: (name: string) => unknown }).use(className);
      assert.deepEqual(
        Object.entries(made).filter(([, count]) => count > 0),
        [[kind, 1]],
      );
    }
  }
});

test('the initializer Identity makes a unit matrix, and the layer Identity passes its input on', async () => {
  const model = await tf.models.modelFromJSON({
    modelTopology: {
      class_name: 'Sequential',
      config: {
        name: 'both',
        layers: [
          { class_name: 'InputLayer', config: { batch_input_shape: [null, 3], name: 'entry' } },
          {
            class_name: 'Dense',
            config: {
              name: 'unit',
              units: 3,
              use_bias: false,
              kernel_initializer: { class_name: 'Identity', config: { gain: 2 } },
            },
          },
          { class_name: 'Identity', config: { name: 'passes' } },
        ],
      },
    },
  });
  const input = tf.tensor2d([[1, -2, 3]]);
  assert.deepEqual((model.predict(input) as typeof input).arraySync(), [[2, -4, 6]]);
  tf.dispose(input);
  model.dispose();
});

test('a name that every object has is the name of no class', async () => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__']) {
    const unknown = /Unknown (?:layer|activation|initializer|regularizer|constraint): /;
    const topology = { class_name: name, config: {} };
    await assert.rejects(tf.models.modelFromJSON({ modelTopology: topology }), unknown);
    assert.throws(() => tf.layers.dense({ units: 1, activation: name as never }), unknown);
    assert.throws(() => tf.layers.dense({ units: 1, kernelInitializer: name }), unknown);
    assert.throws(() => tf.layers.dense({ units: 1, kernelRegularizer: name }), unknown);
    assert.throws(() => tf.layers.dense({ units: 1, kernelConstraint: name }), unknown);
  }
});

/** State that user code reads in addition to tensors: a graph belongs to the state that it was traced with. */
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { close, layerOf, opByOp, same, squares, tf, type Trial } from './user-code-trials.ts';

test('a variable that a callback changes now and then counts from the next step on', async () => {
  const outcome = await same(() => {
    let alpha = 1;
    return {
      loss: (truth, guess) => tf.mul(alpha, squares(truth, guess)),
      after: (step) => {
        if (step === 9) alpha = 3;
        if (step === 19) alpha = 1;
      },
    };
  }, 30);
  assert.deepEqual(outcome.notices, []);
  // The first alpha's graph is still there when it comes back.
  assert.match(outcome.graphs, /^-G{9}-[-G]{9}G{10}$/);

  // A new state is traced when eager steps have cost as much as a trace does.
  const longer = await same(() => {
    let alpha = 1;
    return {
      loss: (truth, guess) => tf.mul(alpha, squares(truth, guess)),
      after: (step) => {
        if (step === 4) alpha = 2;
      },
    };
  }, 400);
  assert.match(longer.graphs, /^-G{4}-+G+$/);
  assert.equal(longer.traces, 2);
});

test('a variable that changes with every step: eager, reported once', async () => {
  const outcome = await same(() => {
    let alpha = 1;
    return {
      loss: (truth, guess) => tf.mul(alpha, squares(truth, guess)),
      after: () => {
        alpha *= 0.9;
      },
    };
  }, 30);
  opByOp(
    outcome,
    /^sequential_\d+_model runs eagerly: alpha changes with each step \(make it a tf\.variable or an input of the model to include it in the graph\)\. Results are the same, only slower\.$/,
  );
});

test('state behind functions, objects, modules and private fields is seen', async () => {
  const changes: (() => Trial)[] = [
    // A function that a function calls.
    () => {
      let beta = 1;
      const inner = () => beta;
      return { loss: (a, b) => tf.mul(inner(), squares(a, b)), after: (step) => (beta = step < 5 ? 1 : 2) };
    },
    // An object's field, deep down.
    () => {
      const config = { deep: [{ rate: 1 }] };
      return {
        loss: (a, b) => tf.mul(config.deep[0]?.rate ?? 0, squares(a, b)),
        after: (step) => {
          if (step === 5) (config.deep[0] as { rate: number }).rate = 3;
        },
      };
    },
    // A bound function's arguments.
    () => {
      const state = { rate: 1 };
      const loss = function (this: { rate: number }, a: Tensor, b: Tensor) {
        return tf.mul(this.rate, squares(a, b));
      };
      return { loss: loss.bind(state), after: (step) => (state.rate = step < 5 ? 1 : 2) };
    },
    // A getter, a static field, a private field, the prototype.
    () => {
      class Rates {
        static base = 1;
        #own = 1;
        get rate(): number {
          return this.#own * Rates.base;
        }
        set(value: number): void {
          this.#own = value;
        }
      }
      const rates = new Rates();
      return {
        loss: (a, b) => tf.mul(rates.rate, squares(a, b)),
        after: (step) => {
          if (step === 3) rates.set(2);
          if (step === 7) Rates.base = 3;
        },
      };
    },
    // A typed array's contents, a Map, a Set, a tensor that is another one.
    () => {
      const table = Float32Array.of(1, 2);
      const map = new Map([['rate', 1]]);
      const set = new Set([1]);
      let target = tf.keep(tf.scalar(1));
      return {
        loss: (a, b) =>
          tf.mul(
            target,
            tf.mul((table[0] as number) * (map.get('rate') as number) * set.size, squares(a, b)),
          ),
        after: (step) => {
          if (step === 2) table[0] = 2;
          if (step === 4) map.set('rate', 0.5);
          if (step === 6) set.add(2);
          if (step === 8) target = tf.keep(tf.scalar(2));
        },
      };
    },
    // A layer's own field, one that comes into being, a method that is replaced.
    () => {
      const layer = layerOf(
        function (x) {
          return tf.mul(x, (this['gain'] as number) + ((this['more'] as number | undefined) ?? 0));
        },
        { gain: 1 },
      );
      return {
        layers: [layer],
        after: (step) => {
          if (step === 3) layer['gain'] = 2;
          if (step === 6) layer['more'] = 1;
          if (step === 9) layer.call = (x) => (Array.isArray(x) ? (x[0] as Tensor) : x);
        },
      };
    },
    // A private field of a parent class, a function that a method makes.
    () => {
      class Parent {
        #rate = 1;
        set(value: number): void {
          this.#rate = value;
        }
        reader(): () => number {
          return () => this.#rate;
        }
      }
      class Child extends Parent {}
      const child = new Child();
      return {
        loss: (a, b) => tf.mul(child.reader()(), squares(a, b)),
        after: (step) => {
          if (step === 4) child.set(2);
        },
      };
    },
    // A callback that a loss asks, put into a list later.
    () => {
      const hooks: ((error: Tensor) => Tensor)[] = [(error) => error];
      return {
        loss: (a, b) => hooks.reduce((error, hook) => hook(error), squares(a, b)),
        after: (step) => {
          if (step === 4) hooks.push((error) => tf.mul(error, 3));
        },
      };
    },
    // The model's own history, and its learning rate.
    () => {
      let own: LayersModel | undefined;
      return {
        optimizer: tf.train.sgd(0.1),
        loss: (a, b) =>
          tf.mul(
            (own?.optimizer as unknown as { learningRate: number } | undefined)?.learningRate ?? 1,
            squares(a, b),
          ),
        after: (step, model) => {
          own = model;
          if (step === 6)
            (model.optimizer as unknown as { setLearningRate(rate: number): void }).setLearningRate(0.5);
        },
      };
    },
    // Globals.
    () => {
      const place = globalThis as { ownRate?: number };
      place.ownRate = 1;
      return {
        loss: (a, b) => tf.mul(globalThisRate(), squares(a, b)),
        after: (step) => (place.ownRate = step < 5 ? 1 : 2),
      };
    },
  ];
  for (const [i, change] of changes.entries()) {
    const outcome = await same(change, 16);
    assert.deepEqual(outcome.notices, [], `case ${i}`);
    assert.match(outcome.graphs, /^--?G+-[-G]*$/, `case ${i}`);
  }
  delete (globalThis as { ownRate?: number }).ownRate;
});
declare const ownRate: number;
const globalThisRate = () => ownRate;

test('changes by a timer count, within fit too', async () => {
  const run = async (compiled: boolean): Promise<{ first: number; last: number }> => {
    process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
    let alpha = 1;
    const model = tf.sequential();
    model.add(tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'ones' }));
    model.compile({
      optimizer: tf.train.sgd(0),
      loss: (a: Tensor, b: Tensor) => tf.mul(alpha, squares(a, b)),
    });
    const losses: number[] = [];
    await model.fit(tf.ones([64, 2]), tf.zeros([64, 1]), {
      batchSize: 2,
      epochs: 6,
      verbose: 0 as never,
      callbacks: {
        onEpochEnd: async (epoch, logs) => {
          losses.push(Number(logs?.['loss']));
          if (epoch !== 2) return;
          setTimeout(() => (alpha = 10), 1);
          await wait(20);
        },
      },
    });
    return { first: losses[0] as number, last: losses.at(-1) as number };
  };
  const [actual, expected] = [await run(true), await run(false)];
  close([actual.first, actual.last], [expected.first, expected.last], 'losses');
  close([actual.last], [10 * actual.first], 'after the timer');
});

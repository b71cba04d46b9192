/** User code that does more than compute runs eagerly, as often as it would. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { allGraphs, layerOf, opByOp, same, squares, tf, type Trial } from './user-code-trials.ts';

test('code that does more than compute runs eagerly, as often as before', async () => {
  opByOp(
    await same(() => ({
      layers: [layerOf((x) => tf.mul(x, tf.scalar(Math.random() < 2 ? 1 : 0)))],
    })),
    /runs eagerly: it calls Math\.random \(.*user-code-effects\.test\.ts:\d+:\d+\)\. Results/,
  );
  const log = console.log;
  const lines: unknown[] = [];
  console.log = (...all: unknown[]) => void lines.push(all);
  try {
    opByOp(
      await same(() => {
        lines.length = 0;
        return {
          layers: [
            layerOf((x) => {
              console.log('called', x.shape);
              return x;
            }),
          ],
          seen: () => lines.filter((line) => String(line).startsWith('called,6')).length,
        };
      }),
      /it calls console\.log \(.*user-code-effects\.test\.ts:\d+:\d+\)/,
    );
    // Twelve steps, one prediction.
    assert.equal(lines.filter((line) => String(line).startsWith('called,6')).length, 13);
  } finally {
    console.log = log;
  }
  opByOp(
    await same(() => ({ loss: (a, b) => tf.mul(Date.now() > 0 ? 1 : 2, squares(a, b)) })),
    /it reads a clock/,
  );
  opByOp(
    await same(() => ({
      loss: (a, b) => tf.mul(process.env['NOTHING'] === undefined ? 1 : 2, squares(a, b)),
    })),
    /the loss names process, which is outside of what can be watched/,
  );
  const { info } = console;
  opByOp(
    await same(() => ({ loss: (a, b) => (info.length > 99 ? a : squares(a, b)) })),
    /info is part of the process around it/,
  );
  const { random } = Math;
  opByOp(
    await same(() => ({ loss: (a, b) => tf.mul(random() < 2 ? 1 : 2, squares(a, b)) })),
    /random is a native function/,
  );
});

test('code that keeps count of its calls runs eagerly, and counts right', async () => {
  const counters: [() => Trial, RegExp][] = [
    [
      () => {
        let calls = 0;
        return { loss: (a, b) => (calls++, squares(a, b)), seen: () => calls };
      },
      /calls changes with each step/,
    ],
    [
      () => {
        const seen: string[] = [];
        return { loss: (a, b) => (seen.push(a.shape.join()), squares(a, b)), seen: () => seen };
      },
      /seen.* changes with each step/,
    ],
    [
      () => {
        const layer = layerOf(
          function (x) {
            this['count'] = (this['count'] as number) + 1;
            return x;
          },
          { count: 0 },
        );
        return { layers: [layer], seen: () => layer['count'] };
      },
      /count changes with each step/,
    ],
  ];
  for (const [make, why] of counters) opByOp(await same(make, 20), why);
});

// The bundler may number `numbers`.
test('state that no code can inspect runs eagerly, with the reason', async () => {
  const cases: [() => Trial, RegExp][] = [
    [
      () => {
        const numbers = Array.from({ length: 99 }, (_, i) => i)[Symbol.iterator]();
        return { loss: (a, b) => tf.mul(numbers.next().value as number, squares(a, b)) };
      },
      /numbers\d* is a Array Iterator, which cannot be inspected/,
    ],
    [
      () => {
        const numbers = (function* count() {
          for (let i = 0; ; i++) yield i;
        })();
        return { loss: (a, b) => tf.mul(numbers.next().value, squares(a, b)) };
      },
      /numbers\d* is a Generator, which cannot be inspected/,
    ],
    [
      () => {
        const key = {};
        const numbers = new WeakMap([[key, 1]]);
        return {
          loss: (a, b) => tf.mul(numbers.get(key) as number, squares(a, b)),
          after: (step) => void numbers.set(key, step),
        };
      },
      /numbers\d* is a WeakMap, which cannot be inspected/,
    ],
    [
      () => {
        const numbers = new Proxy({ next: 1 }, { get: (target) => target.next++ });
        return { loss: (a, b) => tf.mul(numbers.next, squares(a, b)) };
      },
      /numbers\d* is a Proxy/,
    ],
    [
      () => {
        class Sharp {
          factor = 1;
          loss = (a: Tensor, b: Tensor): Tensor => tf.mul(this.factor, squares(a, b));
        }
        const sharp = new Sharp();
        return { loss: sharp.loss, after: (step) => (sharp.factor = step) };
      },
      /the loss is an arrow function with the `this` of where it was made/,
    ],
  ];
  for (const [make, why] of cases) opByOp(await same(make), why);
});

test('a table that is made in the first step is no reason against a graph', async () => {
  const outcome = await same(() => {
    const cache = new Map<number, Tensor>();
    return {
      layers: [
        layerOf((x) => {
          const units = x.shape.at(-1) as number;
          let table = cache.get(units);
          if (table === undefined) {
            table = tf.keep(tf.range(0, units));
            cache.set(units, table);
          }
          return tf.add(x, table);
        }),
      ],
    };
  });
  assert.deepEqual(outcome.notices, []);
  assert.match(outcome.graphs, /^--G+$/);
});

test('a loss that asks another model, whose layer prints', async () => {
  const { log } = console;
  let lines = 0;
  console.log = () => void lines++;
  try {
    const outcome = await same(() => {
      const teacher = tf.sequential();
      teacher.add(tf.layers.dense({ units: 3, inputShape: [3], kernelInitializer: 'ones' }));
      teacher.add(
        layerOf((x) => {
          console.log('asked');
          return x;
        }),
      );
      lines = 0;
      return {
        loss: (a, b) => tf.add(squares(a, b), squares(teacher.predict(a) as Tensor, b)),
        seen: () => lines,
      };
    });
    opByOp(outcome, /it calls console\.log/);
    assert.equal(lines, 12);
  } finally {
    console.log = log;
  }
  // The same without a word is part of the graph, and follows the teacher's weights.
  allGraphs(
    await same(() => {
      const teacher = tf.sequential();
      teacher.add(tf.layers.dense({ units: 3, inputShape: [3], kernelInitializer: 'ones' }));
      return {
        loss: (a, b) => tf.add(squares(a, b), squares(teacher.predict(a) as Tensor, b)),
        after: (step) => {
          if (step === 5) teacher.setWeights(teacher.getWeights().map((weight) => tf.mul(weight, 2)));
        },
      };
    }),
  );
});

test('a branch on a value runs eagerly, with the line, once', async () => {
  const outcome = await same(() => ({
    loss: (a, b) => {
      const error = squares(a, b);
      return (error.dataSync()[0] as number) > 0.5 ? tf.mul(error, 2) : error;
    },
  }));
  assert.match(outcome.graphs, /^-+$/);
  assert.equal(outcome.notices.length, 1);
  assert.match(
    outcome.notices[0] as string,
    /^training .* runs eagerly: the value of a tensor is read \(.*user-code-effects\.test\.ts:\d+:\d+\)/,
  );
});

/** Layers, losses, metrics, optimizers and the like that users write: compiled, with the meaning that they have op by op. */
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import type { layers, LayersModel, Rank, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/tensorflow/compile/models.ts';
import {
  compile,
  eager,
  loadTf,
  onBackendNotice,
  setRandomSeed,
  traceable,
} from '../../src/tensorflow/index.ts';

const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

type Loss = (truth: Tensor, guess: Tensor) => Tensor;
type Kwargs = Record<string, unknown>;

interface Trial {
  loss?: Loss;
  metrics?: Loss[];
  layers?: layers.Layer[];
  optimizer?: unknown;
  /** Called after each of the steps. */
  after?: (step: number, model: LayersModel) => void;
  /** What has to be the same in the end, beside losses and weights. */
  seen?: () => unknown;
}

interface Outcome {
  losses: number[];
  weights: number[][];
  prediction: number[];
  seen: unknown;
  /** For each step, whether a graph ran it. */
  graphs: string;
  traces: number;
  notices: string[];
}

const squares: Loss = (truth, guess) => tf.mean(tf.square(tf.sub(truth, guess)));

/** Twelve steps on the same data from the same weights. */
async function trial(make: () => Trial, compiled: boolean, steps = 12): Promise<Outcome> {
  process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
  notices.length = 0;
  setRandomSeed(5);
  const { loss = squares, metrics = [], layers = [], optimizer = 'sgd', after, seen } = make();
  const model = tf.sequential();
  model.add(
    tf.layers.dense({
      units: 3,
      inputShape: [4],
      kernelInitializer: tf.initializers.glorotUniform({ seed: 3 }),
    }),
  );
  for (const layer of layers) model.add(layer);
  model.compile({ optimizer: optimizer as string, loss, metrics });
  const x = tf.randomUniform([6, 4], -1, 1, 'float32', 1);
  const y = tf.randomUniform([6, 3], -1, 1, 'float32', 2);
  const losses: number[] = [];
  let graphs = '';
  for (let step = 0; step < steps; step++) {
    losses.push(...[await model.trainOnBatch(x, y)].flat().map(Number));
    graphs += trainingSteps(model)?.latest === undefined ? '-' : 'G';
    after?.(step, model);
  }
  const prediction = Array.from((model.predict(x) as Tensor).dataSync());
  const outcome: Outcome = {
    losses,
    weights: model.getWeights().map((weight) => Array.from(weight.dataSync())),
    prediction,
    seen: seen?.(),
    graphs,
    traces: trainingSteps(model)?.traces ?? 0,
    notices: [...notices],
  };
  model.dispose();
  tf.dispose([x, y]);
  return outcome;
}

function close(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const other = expected[i] as number;
    const error = Math.abs(value - other);
    assert.ok(error <= 1e-5 * Math.max(1, Math.abs(other)), `${what}[${i}]: ${value} instead of ${other}`);
  });
}

/** The same, op by op and compiled; gives what the compiled one did. */
async function same(make: () => Trial, steps = 12): Promise<Outcome> {
  const expected = await trial(make, false, steps);
  const actual = await trial(make, true, steps);
  close(actual.losses, expected.losses, 'losses');
  actual.weights.forEach((weight, i) => {
    close(weight, expected.weights[i] as number[], `weight ${i}`);
  });
  close(actual.prediction, expected.prediction, 'prediction');
  assert.deepEqual(actual.seen, expected.seen);
  return actual;
}

const allGraphs = (outcome: Outcome) => {
  assert.deepEqual(outcome.notices, []);
  // Optimizers make their slots in the first step, which changes what they read.
  assert.match(outcome.graphs, /^--?G+$/);
};

/** Never compiled, for a reason that is said once. */
const opByOp = (outcome: Outcome, why: RegExp) => {
  assert.match(outcome.graphs, /^-+$/);
  assert.equal(outcome.traces, 0, 'no trace ran the code once more');
  assert.equal(outcome.notices.length, 1, outcome.notices.join('\n'));
  assert.match(outcome.notices[0] as string, why);
};

let serial = 0;
/** A layer class of the user's around one function. */
function layerOf(
  call: (this: layers.Layer & Kwargs, x: Tensor, kwargs: Kwargs) => Tensor,
  fields: Kwargs = {},
) {
  class Own extends tf.layers.Layer {
    static className = `Own${serial++}`;
    override computeOutputShape(shape: number[]) {
      return shape;
    }
    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
      return tf.tidy(() =>
        call.call(this as never, Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs, kwargs),
      );
    }
    override getConfig() {
      return { ...super.getConfig(), ...fields } as ReturnType<layers.Layer['getConfig']>;
    }
  }
  return Object.assign(new Own(), fields) as layers.Layer & Kwargs;
}

test('a loss, a metric and a layer of the user run compiled', async () => {
  allGraphs(
    await same(() => {
      const scale = 1.5;
      return {
        loss: (truth, guess) => tf.mean(tf.mul(scale, tf.square(tf.sub(truth, guess)))),
        metrics: [(truth, guess) => tf.max(tf.abs(tf.sub(truth, guess)))],
        layers: [layerOf((x) => tf.mul(x, tf.sigmoid(x)))],
      };
    }),
  );
});

test('a layer with weights, a branch on training, and fields', async () => {
  allGraphs(
    await same(() => {
      class Scale extends tf.layers.Layer {
        static className = `Scale${serial++}`;
        factors: { up: number; table: Float32Array; names: Map<string, number> } = {
          up: 2,
          table: Float32Array.of(1, 2, 3),
          names: new Map([['a', 0.5]]),
        };
        #hidden = 0.25;
        kernel: layers.Layer['weights'][number] | undefined;
        override build(shape: number[]): void {
          this.kernel = this.addWeight('kernel', [shape.at(-1) as number], 'float32', tf.initializers.ones());
          super.build(shape);
        }
        override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
          return tf.tidy(() => {
            const x = Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs;
            const scaled = tf.mul(
              tf.mul(x, (this.kernel as { read(): Tensor }).read()),
              this.factors.up + this.#hidden,
            );
            const table = tf.tensor1d(this.factors.table);
            return kwargs['training'] === true
              ? tf.add(scaled, table)
              : tf.mul(scaled, this.factors.names.get('a') as number);
          });
        }
        override computeOutputShape(shape: number[]) {
          return shape;
        }
      }
      return { layers: [new Scale({})] };
    }),
  );
});

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

  // A new state is traced when steps op by op have cost what a trace does.
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

test('a variable that changes with every step: op by op, said once', async () => {
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
    /^sequential_\d+_model runs op by op: alpha changes with each step \(as a tf\.variable or an input of the model it would be part of the graph\)\. Results are the same, only slower\.$/,
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
    // What is global.
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

test('what a timer changes counts, within fit too', async () => {
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

test('code that does more than compute runs op by op, as often as before', async () => {
  opByOp(
    await same(() => ({
      layers: [layerOf((x) => tf.mul(x, tf.scalar(Math.random() < 2 ? 1 : 0)))],
    })),
    /runs op by op: it calls Math\.random \(.*own-code\.test\.ts:\d+:\d+\)\. Results/,
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
      /it calls console\.log \(.*own-code\.test\.ts:\d+:\d+\)/,
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

test('code that keeps count of its calls runs op by op, and counts right', async () => {
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

test('state that nothing can look into runs op by op, and says so', async () => {
  const cases: [() => Trial, RegExp][] = [
    [
      () => {
        const numbers = Array.from({ length: 99 }, (_, i) => i)[Symbol.iterator]();
        return { loss: (a, b) => tf.mul(numbers.next().value as number, squares(a, b)) };
      },
      /numbers is a Array Iterator, which cannot be looked into/,
    ],
    [
      () => {
        const numbers = (function* count() {
          for (let i = 0; ; i++) yield i;
        })();
        return { loss: (a, b) => tf.mul(numbers.next().value, squares(a, b)) };
      },
      /numbers is a Generator, which cannot be looked into/,
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
      /numbers is a WeakMap, which cannot be looked into/,
    ],
    [
      () => {
        const numbers = new Proxy({ next: 1 }, { get: (target) => target.next++ });
        return { loss: (a, b) => tf.mul(numbers.next, squares(a, b)) };
      },
      /numbers is a Proxy/,
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

test('a branch on a value runs op by op, with the line, once', async () => {
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
    /^training .* runs op by op: the value of a tensor is read \(.*own-code\.test\.ts:\d+:\d+\)/,
  );
});

test('optimizers, regularizers, constraints, initializers and gradients of the user', async () => {
  class Signs extends tf.Optimizer {
    static className = `Signs${serial++}`;
    rate = 0.05;
    override applyGradients(gradients: never): void {
      const named = gradients as unknown as { name: string; tensor: Tensor }[] | Record<string, Tensor>;
      const pairs = Array.isArray(named)
        ? named.map(({ name, tensor }) => [name, tensor] as const)
        : Object.entries(named);
      const { registeredVariables } = (
        tf.engine() as unknown as { state: { registeredVariables: Record<string, Variable> } }
      ).state;
      tf.tidy(() => {
        for (const [name, gradient] of pairs) {
          const variable = registeredVariables[name] as Variable;
          variable.assign(tf.sub(variable, tf.mul(this.rate, tf.sign(gradient))));
        }
      });
      this.incrementIterations();
    }
    getConfig() {
      return { rate: this.rate };
    }
  }
  allGraphs(
    await same(() => {
      const optimizer = new Signs();
      return { optimizer, seen: () => (optimizer as unknown as { iterations: number }).iterations };
    }),
  );

  // Gradients are clipped, then Adam does its work.
  class Clipped extends tf.AdamOptimizer {
    static override className = `Clipped${serial++}` as never;
    override applyGradients(gradients: never): void {
      const named = gradients as unknown as { name: string; tensor: Tensor }[];
      tf.tidy(() => {
        const norm = tf.sqrt(tf.addN(named.map(({ tensor }) => tf.sum(tf.square(tensor)))));
        const scale = tf.div(0.1, tf.maximum(norm, 0.1));
        super.applyGradients(
          named.map(({ name, tensor }) => ({ name, tensor: tf.mul(tensor, scale) })) as never,
        );
      });
    }
  }
  const clipped = await same(() => {
    const optimizer = new Clipped(0.02, 0.9, 0.999, 1e-7);
    return {
      optimizer,
      after: (step) => {
        (optimizer as unknown as { learningRate: number }).learningRate = 0.02 / (1 + step);
      },
      seen: () => (optimizer as unknown as { iterations: number }).iterations,
    };
  });
  allGraphs(clipped);
  assert.equal(clipped.traces, 1, 'the learning rate is an input');

  // tfjs does not export what these have to extend.
  type Base = typeof tf.serialization.Serializable;
  const Regularizer = Object.getPrototypeOf(tf.regularizers.l1().constructor) as Base;
  const Constraint = Object.getPrototypeOf(tf.constraints.nonNeg().constructor) as Base;
  const Initializer = Object.getPrototypeOf(tf.initializers.ones().constructor) as Base;
  class Cubes extends Regularizer {
    static className = `Cubes${serial++}`;
    strength = 0.1;
    apply(x: Tensor): Scalar {
      return tf.sum(tf.mul(this.strength, tf.pow(tf.abs(x), 3)));
    }
    getConfig() {
      return {};
    }
  }
  const cubes = new Cubes();
  const outcome = await same(() => {
    cubes.strength = 0.1;
    return {
      layers: [tf.layers.dense({ units: 3, kernelInitializer: 'identity', kernelRegularizer: cubes })],
      after: (step) => {
        if (step === 5) cubes.strength = 0.5;
      },
    };
  });
  assert.match(outcome.graphs, /^-G{5}-[-G]*$/);

  class Halved extends Constraint {
    static className = `Halved${serial++}`;
    apply(x: Tensor): Tensor {
      return tf.minimum(x, 0.5);
    }
    getConfig() {
      return {};
    }
  }
  class Ramp extends Initializer {
    static className = `Ramp${serial++}`;
    apply(shape: number[]): Tensor {
      const size = shape.reduce((a, b) => a * b, 1);
      return tf.reshape(tf.linspace(-1, 1, size), shape);
    }
    getConfig() {
      return {};
    }
  }
  allGraphs(
    await same(() => ({
      layers: [
        tf.layers.dense({
          units: 3,
          kernelInitializer: new Ramp() as never,
          kernelConstraint: new Halved(),
        }),
      ],
    })),
  );

  const straight = tf.customGrad((x, save) => {
    (save as (tensors: Tensor[]) => void)([x as Tensor]);
    return {
      value: tf.round(x as Tensor),
      gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(dy, tf.sigmoid(saved[0] as Tensor)),
    };
  });
  allGraphs(await same(() => ({ layers: [layerOf((x) => straight(x))] })));
});

test('fit: a variable that a callback changes at the end of epochs, and of batches', async () => {
  for (const when of ['onEpochEnd', 'onBatchEnd'] as const) {
    const run = async (compiled: boolean) => {
      process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
      notices.length = 0;
      let alpha = 1;
      const model = tf.sequential();
      model.add(tf.layers.dense({ units: 3, inputShape: [4], kernelInitializer: 'ones' }));
      model.compile({ optimizer: 'sgd', loss: (a: Tensor, b: Tensor) => tf.mul(alpha, squares(a, b)) });
      const x = tf.randomUniform([96, 4], -1, 1, 'float32', 1);
      const y = tf.randomUniform([96, 3], -1, 1, 'float32', 2);
      const { history } = await model.fit(x, y, {
        batchSize: 4,
        epochs: 5,
        shuffle: false,
        verbose: 0 as never,
        callbacks: { [when]: async () => void (alpha *= 0.9) },
      });
      const weights = Array.from((model.getWeights()[0] as Tensor).dataSync());
      return { losses: (history['loss'] ?? []).map(Number), weights };
    };
    const expected = await run(false);
    const actual = await run(true);
    close(actual.losses, expected.losses, 'losses');
    close(actual.weights, expected.weights, 'weights');
    assert.equal(notices.length, when === 'onBatchEnd' ? 1 : 0, notices.join('\n'));
  }
});

test('gradients added up over calls, clipped by their norm, and applied every fourth time', () => {
  const x = tf.randomUniform<Rank.R2>([32, 4], -1, 1, 'float32', 1);
  const y = tf.randomUniform<Rank.R2>([32, 2], -1, 1, 'float32', 2);
  const start = tf.randomUniform<Rank.R2>([4, 2], -1, 1, 'float32', 3);
  const train = (compiled: boolean): number[] => {
    process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
    const weight = tf.variable(start);
    const sum = tf.variable(tf.zerosLike(start), false);
    const optimizer = tf.train.adam(0.05);
    const gather = (input: Tensor, target: Tensor) => {
      const { value, grads } = tf.variableGrads(
        () => tf.losses.meanSquaredError(target, tf.matMul(input as Tensor2D, weight)).asScalar(),
        [weight],
      );
      sum.assign(tf.add(sum, grads[weight.name] as Tensor2D));
      return value;
    };
    const apply = () => {
      const mean = tf.div(sum, 4);
      const norm = tf.norm(mean);
      optimizer.applyGradients({ [weight.name]: tf.mul(mean, tf.div(0.1, tf.maximum(norm, 0.1))) });
      sum.assign(tf.zerosLike(sum));
      return norm;
    };
    const steps = compiled ? [compile(gather), compile(apply)] : [gather, apply];
    const [gathering, applying] = steps as [typeof gather, typeof apply];
    const seen: number[] = [];
    for (let round = 0; round < 6; round++) {
      for (let part = 0; part < 4; part++) {
        const loss = gathering(x.slice(8 * part, 8), y.slice(8 * part, 8));
        seen.push(loss.dataSync()[0] as number);
      }
      seen.push(applying().dataSync()[0] as number);
    }
    if (compiled)
      assert.deepEqual(
        steps.map((step) => (step as unknown as { traces: number }).traces),
        [1, 1],
      );
    return [...seen, ...weight.dataSync()];
  };
  close(train(true), train(false), 'losses, norms and weights');
});

test('tensorcell.eager and tensorcell.traceable', async () => {
  const outcome = await same(() => ({ loss: eager((a, b) => squares(a, b)) }));
  opByOp(outcome, /the loss is marked with tensorcell\.eager/);
  allGraphs(await same(() => ({ loss: traceable((a, b) => squares(a, b)) })));
});

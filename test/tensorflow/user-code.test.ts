/** Layers, losses, metrics, optimizers and the like that users write: compiled, with their eager meaning. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { layers, Rank, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import { compile, eager, traceable } from '../../src/api/tensorflow.ts';
import {
  allGraphs,
  graphsAtOnce,
  close,
  layerOf,
  notices,
  opByOp,
  same,
  squares,
  tf,
  type Kwargs,
} from './user-code-trials.ts';

let serial = 0;

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
  graphsAtOnce(await same(() => ({ loss: traceable((a, b) => squares(a, b)) })));
});

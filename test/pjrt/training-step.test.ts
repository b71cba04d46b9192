/** A training step of a small network, made of the rules, with weights that are updated in place, equals TensorFlow's ops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TF } from '../../src/engines/dtypes.ts';
import type { OpAttribute } from '../../src/engines/ops.ts';
import { ProgramBuilder, type Value } from '../../src/engines/pjrt/stablehlo/builder.ts';
import { emitOp } from '../../src/engines/pjrt/stablehlo/index.ts';
import { loadTensorflow } from '../../src/engines/tensorflow/loading.ts';
import { f, flag, ints, known, text, type, values, type CaseInput } from './op-inputs.ts';
import { openClient, testPlugins } from './plugins.ts';

const STEPS = 20;
const ROWS = 16;

/** Two dense layers: kernels and biases. */
const WEIGHTS = [f(4, 8), f(8), f(8, 3), f(3)];
const FEATURES = f(ROWS, 4);
const LABELS = ints(
  ...FEATURES.values.filter((_, i) => i % 4 === 0).map((value) => (value > 1 ? 2 : Number(value > -1))),
);

/** Runs an op, or adds it to a program. */
type Run<T> = (
  op: string,
  inputs: readonly (T | CaseInput)[],
  attributes?: OpAttribute[],
  outputs?: number,
) => T[];

/** The new weights and the loss. */
function step<T>(run: Run<T>, weights: readonly T[], features: T, labels: T): T[] {
  const [kernel, bias, kernel2, bias2] = weights as [T, T, T, T];
  const T32 = type('T', TF.FLOAT);
  const one = (op: string, inputs: (T | CaseInput)[], attributes: OpAttribute[] = []) =>
    run(op, inputs, [T32, ...attributes])[0]!;
  const product = (a: T, b: T, left = false, right = false) =>
    one('MatMul', [a, b], [flag('transpose_a', left), flag('transpose_b', right)]);
  const format = text('data_format', 'NHWC');
  const scalar = (value: number) => ({ ...values(TF.FLOAT, [Math.fround(value)], []), known: true });

  const hidden = one('Relu', [one('BiasAdd', [product(features, kernel), bias], [format])]);
  const logits = one('BiasAdd', [product(hidden, kernel2), bias2], [format]);
  const loss = run(
    'SparseSoftmaxCrossEntropyWithLogits',
    [logits, labels],
    [T32, type('Tlabels', TF.INT32)],
    2,
  );
  const mean = one('Mean', [loss[0]!, known(0)], [flag('keep_dims', false), type('Tidx', TF.INT32)]);
  const gradient = one('Mul', [loss[1]!, scalar(1 / ROWS)]);
  const before = one('ReluGrad', [product(gradient, kernel2, false, true), hidden]);
  const gradients = [
    product(features, before, true),
    one('BiasAddGrad', [before], [format]),
    product(hidden, gradient, true),
    one('BiasAddGrad', [gradient], [format]),
  ];
  const moved = weights.map((weight, i) => one('Sub', [weight, one('Mul', [gradients[i]!, scalar(0.1)])]));
  return [...moved, mean];
}

/** Losses and weights of TensorFlow's eager ops. */
function expected(): { losses: number[]; weights: number[][] } {
  const { binding } = loadTensorflow()!;
  const upload = ({ shape, dtype, values: list }: CaseInput) => binding.createTensor(shape, dtype, list);
  const read = (id: number) => Array.from(binding.tensorDataSync(id) as Float32Array);
  const run: Run<number> = (op, inputs, attributes = [], outputs = 1) =>
    binding
      .executeOp(
        op,
        attributes,
        inputs.map((input) => (typeof input === 'number' ? input : upload(input))),
        outputs,
      )
      .map(({ id }) => id);
  let weights = WEIGHTS.map(upload);
  const losses = Array.from({ length: STEPS }, () => {
    const results = step(run, weights, upload(FEATURES), upload(LABELS));
    weights = results.slice(0, -1);
    return read(results.at(-1)!)[0]!;
  });
  return { losses, weights: weights.map(read) };
}

const isInput = (input: Value | CaseInput): input is CaseInput => 'known' in input;

for (const plugin of await testPlugins()) {
  test(
    `${plugin.name}: a training step updates its weights in place as TensorFlow does`,
    { skip: plugin.skip },
    () => {
      const builder = new ProgramBuilder();
      const run: Run<Value> = (op, inputs, attributes = []) => {
        const operands = inputs.map((input) => {
          if (!isInput(input)) return { type: input.type, value: () => input };
          const { dtype, shape, values: list } = input;
          return {
            type: { dtype, shape },
            known: list,
            value: () => builder.constants({ dtype, shape }, list),
          };
        });
        return emitOp(builder, op, operands, attributes);
      };
      const inputs = [...WEIGHTS, FEATURES, LABELS].map(({ dtype, shape }) =>
        builder.input({ dtype, shape }),
      );
      const weights = inputs.slice(0, WEIGHTS.length);
      const results = step(run, weights, inputs[4]!, inputs[5]!);
      for (const [i, weight] of weights.entries()) builder.update(weight, i);
      const program = builder.build('the training step', results);

      const client = openClient(plugin);
      const train = client.compileSync(program);
      const buffers = [...WEIGHTS, FEATURES, LABELS].map(({ dtype, shape, values: list }) =>
        client.upload({ dtype, shape }, list),
      );
      const addresses = buffers.map((buffer) => buffer.address());
      const wanted = expected();
      for (const loss of wanted.losses) {
        // The loss, and the code of the checks: labels are in range.
        const [mean, failed] = train.run(buffers);
        assert.ok(Math.abs(Number(mean!.readSync()[0]) - loss) <= 1e-5 * Math.max(1, loss));
        assert.deepEqual([...failed!.readSync()], [0]);
        mean!.destroy();
        failed!.destroy();
      }
      assert.ok(wanted.losses.at(-1)! < wanted.losses[0]! / 1.5, wanted.losses.join(' '));
      for (const [i, list] of wanted.weights.entries()) {
        for (const [at, value] of buffers[i]!.readSync().entries()) {
          assert.ok(
            Math.abs(Number(value) - list[at]!) <= 1e-5 * Math.max(1, Math.abs(list[at]!)),
            `weight ${i}`,
          );
        }
      }
      assert.deepEqual(
        buffers.map((buffer) => buffer.address()),
        addresses,
      );
      assert.equal(client.memory().buffers, buffers.length);
      client.close();
    },
  );
}

/** The rules in StableHLO equal TensorFlow's engine, which runs in the same process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dtypeName, TF } from '../../src/engines/dtypes.ts';
import type { TensorType } from '../../src/engines/pjrt/dtypes.ts';
import { ProgramBuilder, type Value } from '../../src/engines/pjrt/stablehlo/builder.ts';
import { EMITTERS, emitOp, opProgram, type OpInput } from '../../src/engines/pjrt/stablehlo/index.ts';
import { loadTensorflow } from '../../src/engines/tensorflow/loading.ts';
import { OP_CASES } from './op-cases.ts';
import type { OpCase } from './op-inputs.ts';
import { openClient, testPlugins } from './plugins.ts';
import { float, int } from './programs.ts';

const tensorflow = loadTensorflow();
const wide = (dtype: number) => dtype === TF.INT64 || dtype === TF.UINT64;

interface Result extends TensorType {
  values: number[];
}

/** TensorFlow's results. */
function expected({ op, inputs, attributes, outputs }: OpCase): Result[] {
  const { binding } = tensorflow!;
  const ids = inputs.map(({ dtype, shape, values }) =>
    binding.createTensor(shape, dtype, wide(dtype) ? (BigInt64Array.from(values, BigInt) as never) : values),
  );
  return binding.executeOp(op, attributes, ids, outputs).map(({ id, shape, dtype }) => ({
    dtype,
    shape,
    values: Array.from(binding.tensorDataSync(id) as Float32Array, Number),
  }));
}

function compare(name: string, found: Result, wanted: Result): void {
  assert.deepEqual([dtypeName(found.dtype), found.shape], [dtypeName(wanted.dtype), wanted.shape], name);
  for (const [i, value] of wanted.values.entries()) {
    const other = found.values[i]!;
    const exact = Object.is(value, other) || value === other;
    const near = wanted.dtype === TF.FLOAT && Math.abs(value - other) <= 1e-5 * Math.max(1, Math.abs(value));
    assert.ok(exact || near, `${name}, element ${i}: ${other}, not ${value}`);
  }
}

for (const [which, plugin] of (await testPlugins()).entries()) {
  const { name, skip } = plugin;

  for (const [family, cases] of Object.entries(OP_CASES)) {
    test(`${name}: ${family} equal TensorFlow's`, { skip }, () => {
      // One program for all: compiling takes most of the time.
      const builder = new ProgramBuilder();
      const client = openClient(plugin);
      const buffers: ReturnType<typeof client.upload>[] = [];
      const results: { name: string; value: Value; wanted: Result }[] = [];
      for (const [at, one] of cases.entries()) {
        // The second plugin reads older StableHLO: the forms of each op count there.
        if (which > 0 && cases.findIndex(({ op }) => op === one.op) < at) continue;
        const operands = one.inputs.map(({ dtype, shape, values, known }) => {
          const type = { dtype, shape };
          if (known) return { type, known: values, value: () => builder.constants(type, values) };
          const value = builder.input(type);
          buffers.push(client.upload(type, wide(dtype) ? values.map(BigInt) : values));
          return { type, value: () => value };
        });
        const inputs = one.inputs.map(({ dtype, shape }) => `${dtypeName(dtype)} [${shape.join(', ')}]`);
        const title = `${one.op} of ${inputs.join(', ')}`;
        const values = emitOp(builder, one.op, operands, one.attributes);
        const wanted = expected(one);
        assert.equal(values.length, wanted.length, title);
        results.push(...values.map((value, i) => ({ name: title, value, wanted: wanted[i]! })));
      }
      const program = builder.build(
        family,
        results.map(({ value }) => value),
      );
      // Without optimizations XLA compiles in a third of the time; those of reductions have dropped NaN.
      if (which > 0 || family !== 'reductions')
        process.env['XLA_FLAGS'] = '--xla_backend_optimization_level=0';
      const compiled = client.compileSync(program);
      delete process.env['XLA_FLAGS'];
      const outputs = compiled.run(buffers);
      for (const [i, { name: title, wanted }] of results.entries()) {
        const output = outputs[i]!;
        compare(
          title,
          { ...output.type, values: Array.from(output.readSync() as Float32Array, Number) },
          wanted,
        );
      }
      if (program.checks.length > 0) assert.deepEqual([...outputs.at(-1)!.readSync()], [0]);
      client.close();
    });
  }
}

/** Ops that must fail, and the message; the device itself would compute on. */
const FAILING: [op: string, inputs: [type: TensorType, values: number[]][], message: RegExp][] = [
  [
    'FloorDiv',
    [
      [int(2), [1, 2]],
      [int(2), [1, 0]],
    ],
    /Integer division by zero/,
  ],
  [
    'FloorMod',
    [
      [int(2), [1, 2]],
      [int(), [0]],
    ],
    /Integer division by zero/,
  ],
  [
    'Mod',
    [
      [int(1), [1]],
      [int(1), [0]],
    ],
    /Integer division by zero/,
  ],
  [
    'TruncateDiv',
    [
      [int(1), [1]],
      [int(1), [0]],
    ],
    /Integer division by zero/,
  ],
  [
    'Pow',
    [
      [int(2), [2, 2]],
      [int(2), [1, -1]],
    ],
    /Integers to negative integer powers are not allowed/,
  ],
  [
    'GatherV2',
    [
      [float(3, 2), [1, 2, 3, 4, 5, 6]],
      [int(2), [0, 3]],
      [int(), [0]],
    ],
    /an index of GatherV2 is not in \[0, 3\)/,
  ],
  [
    'GatherV2',
    [
      [float(3), [1, 2, 3]],
      [int(1), [-1]],
      [int(), [0]],
    ],
    /an index of GatherV2 is not in \[0, 3\)/,
  ],
  [
    'SparseSoftmaxCrossEntropyWithLogits',
    [
      [float(1, 3), [1, 2, 3]],
      [int(1), [3]],
    ],
    /a label is outside of the valid range of \[0, 3\)/,
  ],
];

/** Inputs that are no rule's, or are wrong: TensorFlow's engine computes or refuses them. */
const WITHOUT_RULE: [op: string, inputs: OpInput[], message: RegExp][] = [
  ['Svd', [{ type: float(2, 2) }], /Svd has no rule/],
  ['Exp', [{ type: int(2) }], /Exp of int32/],
  ['AddV2', [{ type: { dtype: TF.STRING, shape: [] } }], /AddV2 of string/],
  ['Reshape', [{ type: { dtype: TF.COMPLEX64, shape: [] } }], /Reshape of complex64/],
  ['AddV2', [{ type: float(2) }, { type: float(3) }], /AddV2 with the shapes \[2\] and \[3\]/],
  ['Reshape', [{ type: float(4) }, { type: int(2) }], /input 1 of Reshape is computed on the device/],
  ['Reshape', [{ type: float(4) }, { type: int(2), known: [3, -1] }], /Reshape of 4 elements to \[3, -1\]/],
  ['Sum', [{ type: float(4) }, { type: int(1), known: [1] }], /Sum has the axis 1 of 1/],
  ['MatMul', [{ type: float(2, 3) }, { type: float(2, 3) }], /MatMul of matrices with 3 columns and 2 rows/],
  [
    'Slice',
    [{ type: float(4) }, { type: int(1), known: [2] }, { type: int(1), known: [3] }],
    /Slice from 2 of 3 elements of 4/,
  ],
];

for (const plugin of await testPlugins()) {
  test(`${plugin.name}: ops that must fail say which check failed`, { skip: plugin.skip }, () => {
    const client = openClient(plugin);
    for (const [op, inputs, message] of FAILING) {
      // The axis of a gather is known.
      const known = (i: number) => (op === 'GatherV2' && i === 2 ? { known: [0] } : {});
      const program = opProgram(
        op,
        inputs.map(([type], i) => ({ type, ...known(i) })),
        [],
      );
      const run = client.compileSync(program);
      const buffers = inputs.slice(0, program.inputs.length).map(([type, list]) => client.upload(type, list));
      const [code] = run.run(buffers).at(-1)!.readSync();
      assert.match(program.checks[Number(code) - 1] ?? 'no check failed', message, op);
    }
    client.close();
  });
}

test('ops, dtypes and arguments without a rule are left to the CPU with the reason', () => {
  for (const [op, inputs, message] of WITHOUT_RULE) {
    assert.throws(() => opProgram(op, inputs, []), { name: 'NotEmitted', message });
  }
});

test('rounding integers gives them back', () => {
  // TensorFlow's own kernel gives zeros.
  assert.match(opProgram('Round', [{ type: int(3) }], []).text, /return %a0/);
});

test('every rule has a case', () => {
  const tried = new Set(Object.values(OP_CASES).flatMap((cases) => cases.map(({ op }) => op)));
  const same = new Set(['Add', 'BatchMatMul', 'BatchMatMulV3', 'PreventGradient', 'StopGradient']);
  assert.deepEqual(
    [...EMITTERS.keys()].filter((op) => !tried.has(op) && !same.has(op)),
    [],
  );
});

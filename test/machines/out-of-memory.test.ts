// Out of memory: the explanation on a simulated GPU, and a real one on the CPU after which the session goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainOutOfMemory } from '../../src/machine/devices/out-of-memory.ts';
import { detectRuntimes } from '../../src/machine/devices/runtimes.ts';
import { thisMachine } from '../../src/machine/devices/index.ts';
import { describeMemory, loadTf } from '../../src/api/tensorflow.ts';
import { hasCompiler } from './fake-libraries.ts';
import { simulatedMachine } from './simulated-machine.ts';
import { SPECS } from './specs.ts';

const MESSAGE =
  'Conv2D: OOM when allocating tensor with shape[128,64,56,56] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc';

const memory = {
  tensors: [
    {
      id: 1,
      shape: [8192, 8192],
      dtype: 'float32',
      bytes: 268_435_456,
      execution: 4,
      ageMs: 10,
      variable: 'dense/kernel',
    },
    { id: 2, shape: [60_000, 784], dtype: 'float32', bytes: 188_160_000, execution: 0, ageMs: 10 },
  ],
  count: 31,
  bytes: 460_000_000,
  byExecution: {},
};

const noCompiler = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';

test('the tensor that did not fit, free memory, and the largest holders', { skip: noCompiler }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-memory-full']!);
  try {
    assert.equal(
      explainOutOfMemory(machine, MESSAGE, memory),
      [
        'out of memory on GPU:0 in Conv2D: no room for a tensor of shape [128, 64, 56, 56], float32, 98.0 MiB (allocator GPU_0_bfc)',
        'the driver reports 72.0 MiB of 8.00 GiB free',
        'our tensors hold 439 MiB in 31, most of it:',
        '  256 MiB  [8192, 8192] float32, made in cell 4, variable dense/kernel',
        '  179 MiB  [60000, 784] float32',
        'use a smaller batch, and tf.tidy() or dispose() for tensors that are not needed; %memory lists all of them',
      ].join('\n'),
    );
  } finally {
    machine.dispose();
  }
});

test('much is free inside WSL: most likely pinned memory', { skip: noCompiler }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-nvidia']!);
  try {
    const text = explainOutOfMemory(machine, MESSAGE, memory);
    assert.match(text, /\nthe driver reports 6\.75 GiB of 8\.00 GiB free\n/);
    assert.match(text, /\nmore is free than was requested: WSL limits pinned memory/);
  } finally {
    machine.dispose();
  }
});

test('a driver that hangs leaves the free memory unavailable', { skip: noCompiler }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-driver-hangs']!);
  try {
    assert.match(explainOutOfMemory(machine, MESSAGE, memory), /\nfree memory: unavailable\n/);
  } finally {
    machine.dispose();
  }
});

test('other messages stay as they are', () => {
  assert.equal(explainOutOfMemory(thisMachine(), 'Mul: something else', memory), 'Mul: something else');
});

const noRuntime =
  detectRuntimes(thisMachine()).length > 0 ? false : 'no TensorFlow build is installed: npm run setup';

test('a real one: the error tells, and the next operation works', { skip: noRuntime }, () => {
  const tf = loadTf();
  // Computed, since tfjs keeps constants in JavaScript until they are first used.
  const kept = tf.ones([1000, 1000]).add(1);
  const line = tf.ones([300_000]).add(0);
  const before = describeMemory().count;
  assert.throws(
    () => tf.tidy(() => tf.mul(line.expandDims(1), line.expandDims(0))),
    (error: Error & { code?: string }) => {
      assert.equal(error.name, 'TensorflowError');
      assert.equal(error.code, 'RESOURCE_EXHAUSTED');
      const [first, free, ours, largest] = error.message.split('\n');
      assert.match(
        first!,
        /^out of memory on CPU:0 in Mul: no room for a tensor of shape \[300000, 300000\], float32, 335 GiB \(allocator \w+\)$/,
      );
      assert.match(free!, /^Linux reports \S+ [KMG]iB of \S+ GiB free$/);
      assert.match(ours!, /^our tensors hold \S+ MiB in \d+, most of it:$/);
      assert.match(largest!, /^ {2}3\.81 MiB {2}\[1000, 1000\] float32/);
      return true;
    },
  );
  assert.equal(describeMemory().count, before);
  assert.deepEqual([...kept.sum().dataSync()], [2_000_000]);
});

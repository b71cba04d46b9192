import { parseOutOfMemory } from '../../../src/machine/devices/out-of-memory.ts';

test("TensorFlow's sentence", () => {
  expect(
    parseOutOfMemory(
      'Mul: OOM when allocating tensor with shape[300000,300000] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
    ),
  ).toEqual({
    shape: [300_000, 300_000],
    dtype: 'float32',
    bytes: 360_000_000_000,
    device: 'GPU:0',
    allocator: 'GPU_0_bfc',
  });
  expect(
    parseOutOfMemory(
      'OOM when allocating tensor with shape[] and type string on /device:CPU:0 by allocator cpu',
    ),
  ).toEqual({ shape: [], dtype: 'string', bytes: null, device: 'CPU:0', allocator: 'cpu' });
  expect(parseOutOfMemory('Graph execution error: something else')).toBeUndefined();
});

// Kernels with hostile inputs and attributes, one in five of all calls: an answer or an error, never a dead process.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostileKernels } from './hostile-kernels.ts';

test(
  'kernels with hostile inputs and attributes: the process computes on',
  { timeout: 3_600_000 },
  async (context) => {
    const { wrong, refused, answered } = await hostileKernels(5);
    context.diagnostic(`${refused} refused, ${answered} answered`);
    assert.deepEqual(wrong, []);
    assert.ok(refused > 1000 && answered > 500, `${refused} refused, ${answered} answered`);
  },
);

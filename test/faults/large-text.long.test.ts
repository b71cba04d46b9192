// Text that is longer than a string can be once it is joined.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';

test('a text of 600 MB is printed whole, in pieces', { timeout: 200_000 }, () =>
  withKernel(async (client) => {
    await client.cell('const kept = 42;');
    const id = await client.startCell("process.stdout.write('0123456789'.repeat(53_000_000));");
    let total = 0;
    for (let idle = false; !idle;) {
      const message = await client.take('iopub', ({ parent }) => parent === id, 'output', 60_000);
      if (message.type === 'stream') total += message.content['text'].length;
      idle = message.content['execution_state'] === 'idle';
    }
    assert.equal(total, 530_000_000);
    assert.equal(
      (await client.take('shell', ({ parent }) => parent === id, 'reply')).content['status'],
      'ok',
    );
    assert.equal((await client.cell('kept')).result, '42');
  }),
);

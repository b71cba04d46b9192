// Errors by the thousand: the next cell does not wait for them, and the first few are shown with a count of the rest.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';

/** How many, and what makes one of them. */
const FLOODS: Record<string, [count: number, one: string]> = {
  'rejections that nothing handles': [100_000, 'Promise.reject(new Error(`number ${i}`));'],
  // Each costs Node a separate turn.
  'errors in ticks': [20_000, 'process.nextTick(() => { throw new Error(`number ${i}`); });'],
};

for (const [name, [count, one]] of Object.entries(FLOODS)) {
  test(`${count} ${name}`, () =>
    withKernel(async (client) => {
      const code = `for (let i = 0; i < ${count}; i++) ${one}`;
      const flood = await client.cell(`const kept = 42; { ${code} }`);
      assert.equal(flood.reply['status'], 'ok');
      // The deadline of a cell is 20 s: each error on its own once took a quarter of a millisecond and a message.
      assert.equal((await client.cell('kept')).result, '42');
      const late = flood.iopub;
      const end = Date.now() + 20_000;
      for (;;) {
        late.push(...client.drain('iopub').filter(({ parent }) => parent === flood.id));
        const errors = late.filter(({ type }) => type === 'error').length;
        const counted = late
          .filter(({ type }) => type === 'stream')
          .flatMap(({ content }) => [...String(content['text']).matchAll(/(\d+) more errors? like these/g)])
          .reduce((sum, [, more]) => sum + Number(more), 0);
        assert.ok(errors <= 10 && late.length < 40, `${errors} errors, ${late.length} messages`);
        if (errors + counted === count) break;
        assert.ok(Date.now() < end, `${errors} errors, ${counted} counted`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }));
}

test('a single late error is shown as before', () =>
  withKernel(async (client) => {
    const cell = await client.cell('Promise.reject(new TypeError("alone")); 0');
    const error = cell.of('error')[0] ?? (await client.late(cell.id, 'error')).content;
    assert.equal(error['evalue'], 'alone');
  }));

// A client that stops reading while there is much output: 200 MB of text, and 600 MB of large displays.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';
import type { KernelProcess } from '../kernel/kernel-process.ts';
import { residentBytes } from '../kernel/slow-reader.ts';
import { suspendedSubscriber } from './suspended.ts';

/** Most resident memory of the kernel process while an action runs, in MiB. */
async function peakDuring(kernel: KernelProcess, action: () => Promise<void>): Promise<number> {
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, residentBytes(kernel.child.pid!))), 20);
  try {
    await action();
  } finally {
    clearInterval(watch);
  }
  return Math.round(peak / 2 ** 20);
}

const options = { mayLog: /a client has stopped reading/ };

for (const topics of [[''], ['', 'stream', 'kernel']]) {
  test(`200 MB printed in one cell with ${topics.length} suspended`, { timeout: 300_000 }, () =>
    withKernel(async (client, kernel) => {
      const suspended = [];
      for (const topic of topics) suspended.push(await suspendedSubscriber(client, topic));
      const id = await client.startCell(
        "for (let i = 0; i < 200; i++) process.stdout.write(String(i).padEnd(1_000_000, '.'));",
      );
      const peak = await peakDuring(kernel, async () => {
        const text = (await client.finishCell(id, 200_000)).stdout;
        assert.equal(text.length, 200_000_000);
        for (let i = 0; i < 200; i++) assert.ok(text.startsWith(`${i}.`, i * 1_000_000), `megabyte ${i}`);
      });
      console.log(`the kernel process held ${peak} MiB`);
      assert.ok(peak < 300, `the kernel process held ${peak} MiB`);
      assert.equal((await client.cell('1 + 1')).result, '2');
      for (const each of suspended) each.close();
    }, options),
  );
}

test('60 displays of 10 MB with a suspended subscriber are bounded in bytes', { timeout: 300_000 }, () =>
  withKernel(async (client, kernel) => {
    const suspended = await suspendedSubscriber(client, '');
    const displays = 60;
    const peak = await peakDuring(kernel, async () => {
      const id = await client.startCell(
        `for (let i = 0; i < ${displays}; i++) await display.json({ i, text: 'x'.repeat(10_000_000) });`,
      );
      for (let i = 0; i < displays; i++) {
        const of = ({ type, parent }: { type: string; parent: string }): boolean =>
          parent === id && type === 'display_data';
        const { content } = await client.take('iopub', of, `display ${i}`, 60_000);
        assert.equal(content['data']['application/json'].i, i);
      }
      assert.equal((await client.finishCell(id)).reply['status'], 'ok');
    });
    console.log(`the kernel process held ${peak} MiB`);
    assert.ok(peak < 560, `the kernel process held ${peak} MiB`);
    assert.equal((await client.cell('1 + 1')).result, '2');
    suspended.close();
  }, options),
);

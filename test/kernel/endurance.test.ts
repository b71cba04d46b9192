// Slow readers and long sessions: nothing lost, memory flat, everything else answers meanwhile.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import * as zmq from 'zeromq';
import { withKernel } from './kernel-process.ts';
import { readSlowly, residentBytes } from './slow-reader.ts';

test('a reader that stalls loses nothing and costs no memory; control and heartbeat answer', () =>
  withKernel(async (client, kernel) => {
    await readSlowly(client, kernel, { until: 'i < 120_000', seconds: 120 });
  }));

/** A reader that has stopped for some seconds is told of in the log. */
const MAY_STOP = { mayLog: /a client has stopped reading/ };

test('a flood towards a reader that has stopped is interrupted', () =>
  withKernel(async (client) => {
    const reader = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 1 });
    reader.connect(client.endpoint(client.connection.iopub_port));
    reader.subscribe('');
    await client.take('iopub', ({ type }) => type === 'iopub_welcome', 'second welcome');
    const id = await client.startCell('globalThis.kept = 1; for (;;) console.log("x".repeat(10_000));');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await client.send('control', 'interrupt_request', {});
    await client.take('control', ({ type }) => type === 'interrupt_reply', 'reply');
    const drained = setInterval(() => client.drain('iopub'), 100);
    const reading = (async () => {
      for await (const _ of reader);
    })();
    const cell = await client.take('shell', ({ parent }) => parent === id, 'reply of the cell');
    clearInterval(drained);
    assert.equal(cell.content['ename'], 'Interrupted');
    reader.close();
    await reading;
    await new Promise((resolve) => setTimeout(resolve, 500));
    client.drain();
    assert.equal((await client.cell('globalThis.kept')).result, '1');
    client.drain();
  }, MAY_STOP));

test('1,000 cells: the last are as fast as the first, and memory stops growing', () =>
  withKernel(async (client, kernel) => {
    const times: number[] = [];
    let half = 0;
    for (let i = 0; i < 1100; i++) {
      const start = performance.now();
      const cell = await client.cell(`const v${i % 50} = { i: ${i} }; console.log(${i}); v${i % 50}.i + 1`);
      times.push(performance.now() - start);
      assert.equal(cell.result, String(i + 1));
      if (i === 600) half = residentBytes(kernel.child.pid!);
    }
    const median = (values: number[]): number =>
      values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
    const [first, last] = [median(times.slice(100, 200)), median(times.slice(-100))];
    assert.ok(last < 2 * first, `median of the first 100: ${first} ms, of the last 100: ${last} ms`);
    const growth = residentBytes(kernel.child.pid!) - half;
    assert.ok(growth < 48 * 1024 * 1024, `the kernel grew by ${growth} bytes in 500 cells`);
  }));

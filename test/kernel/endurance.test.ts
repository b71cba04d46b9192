// Slow readers and long sessions: nothing lost, memory flat, everything else answers meanwhile.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as zmq from 'zeromq';
import type { Message } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

test('a reader that stalls loses nothing and costs no memory; control and heartbeat answer, and it can be interrupted', () =>
  withKernel(async (client, kernel) => {
    // The client of the test reads all the time but only its own topics are of interest to the slow reader.
    const reader = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 50 });
    reader.connect(client.endpoint(client.connection.iopub_port));
    reader.subscribe('stream');
    await client.take('iopub', ({ type }) => type === 'iopub_welcome', 'second welcome');
    await reader.receive(); // its own welcome
    const total = 120 * 1024 * 1024;
    const line = 1000;
    const id = await client.startCell(
      `const text = 'x'.repeat(${line - 12});
       for (let i = 0; i < ${Math.floor(total / line)}; i++) console.log(String(i).padStart(10, '0') + ' ' + text);`,
    );
    let next = 0;
    let rest = '';
    let peak = 0;
    const messages = Math.floor(total / line);
    const end = Date.now() + 120_000;
    let received = 0;
    const ends = ({ parent, content }: Message): boolean =>
      parent === id && content['execution_state'] === 'idle';
    let ended = false;
    while (next < messages) {
      assert.ok(Date.now() < end, `only ${next} of ${messages} lines`);
      const frames = await reader.receive();
      const content = JSON.parse(frames[6]!.toString());
      const text = rest + content.text;
      const lines = text.split('\n');
      rest = lines.pop()!;
      for (const each of lines) {
        assert.equal(Number(each.slice(0, 10)), next, 'a line is missing or out of order');
        next++;
      }
      ended = client.drain('iopub').some(ends) || ended;
      if (++received % 150 === 0) {
        // Stall: the kernel has to hold the writer back.
        await new Promise((resolve) => setTimeout(resolve, 700));
        await client.heartbeat();
        const info = await client.send('control', 'kernel_info_request', {});
        await client.take('control', ({ parent }) => parent === info, 'kernel_info while output is stuck');
        peak = Math.max(peak, residentBytes(kernel.child.pid!));
      }
    }
    assert.equal(rest, '');
    assert.ok(peak < 250 * 1024 * 1024, `the kernel held ${Math.round(peak / 2 ** 20)} MiB`);
    await client.take('shell', ({ parent }) => parent === id, 'reply');
    if (!ended) await client.take('iopub', ends, 'idle');
    reader.close();
    // What the questions in between have published comes before the answer to this one.
    await client.request('control', 'kernel_info_request', {});
    client.drain('iopub');
  }));

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
  }));

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

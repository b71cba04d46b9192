// Children that a signal has stopped (kill -STOP, Ctrl-Z): an interrupt reaches them, and the kernel ends without them.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { within, type Message } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { python, withPython } from '../python/python-kernel.ts';
import { processesOf, stateOf } from './processes.ts';

const HEAVY = `[${'1,'.repeat(60_000)}].length`;

test('a stopped Python process goes on with an interrupt, and keeps its variables', () =>
  withPython(async (client) => {
    await client.cell('const own = 1;');
    const pid = Number((await client.cell(python('import os, time\nkept = 42\nos.getpid()'))).result);
    for (const code of [
      "%%python\nprint('begun', flush=True)\ntime.sleep(100)",
      "await python.run(`print('begun', flush=True)\ntime.sleep(100)`)",
      '%%python\nkept',
    ]) {
      const running = code.endsWith('kept') ? undefined : code;
      if (running === undefined) process.kill(pid, 'SIGSTOP');
      const id = await client.startCell(code);
      if (running !== undefined) {
        const begun = ({ type, parent, content }: Message): boolean =>
          type === 'stream' && parent === id && String(content['text']).includes('begun');
        await client.take('iopub', begun, 'begun');
        process.kill(pid, 'SIGSTOP');
      } else {
        await client.take(
          'iopub',
          ({ type, parent }) => type === 'execute_input' && parent === id,
          'execute_input',
        );
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      while (stateOf(pid) !== 'T') await new Promise((resolve) => setTimeout(resolve, 10));
      await client.request('control', 'interrupt_request', {});
      const cell = await client.finishCell(id);
      // A quick cell may end before the interrupt reaches it.
      if (running !== undefined || cell.reply['status'] === 'error')
        assert.match(cell.reply['ename'], /Interrupt/, code);
      assert.equal((await client.cell('%%python\nkept')).result, '42', code);
      assert.equal((await client.cell('own')).result, '1', code);
      assert.equal(stateOf(pid) === 'T', false, code);
    }
  }));

test('a stopped compiler process: an interrupt ends the heavy cell, and the next one has another process', () =>
  withKernel(async (client, kernel) => {
    await client.cell('const kept = 42;');
    assert.equal((await client.cell(HEAVY)).result, '60000');
    const compiler = processesOf(kernel.child.pid!).find(({ line }) => line.includes('compiler-process'))!;
    process.kill(compiler.pid, 'SIGSTOP');
    const id = await client.startCell(HEAVY);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
    assert.equal((await client.cell(HEAVY)).result, '60000');
    assert.equal((await client.cell('kept')).result, '42');
    assert.equal(stateOf(compiler.pid), undefined);
  }));

test('the kernel ends with all its children stopped, and leaves none of them', () =>
  withPython(async (client, kernel) => {
    await client.cell(python('print(1)'));
    await client.cell(HEAVY);
    await client.request('shell', 'complete_request', { code: 'consol', cursor_pos: 6 });
    const children = processesOf(kernel.child.pid!);
    assert.ok(children.length >= 4, JSON.stringify(children));
    for (const { pid } of children) process.kill(pid, 'SIGSTOP');
    await kernel.stop();
    const end = Date.now() + 20_000;
    const left = (): number[] => children.map(({ pid }) => pid).filter((pid) => stateOf(pid) !== undefined);
    while (left().some((pid) => stateOf(pid) !== 'Z') && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(
      left().filter((pid) => stateOf(pid) !== 'Z'),
      [],
    );
    await within(kernel.exited, 'the end of the kernel process');
  }));

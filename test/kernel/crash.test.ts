// The runtime process dies: the cell ends with an error that says of what, and the next one works in a fresh runtime.
import { strict as assert } from 'node:assert';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { withKernel } from './kernel-process.ts';

const DEATHS: Record<string, { code: string; says: RegExp }> = {
  'process.exit': { code: 'process.exit(3)', says: /process\.exit.*3|exit(ed)?.*3/i },
  abort: { code: 'process.abort()', says: /abort|SIGABRT/i },
  'a segmentation fault': {
    code: 'process.kill(process.pid, "SIGSEGV"); for (;;);',
    says: /SIGSEGV|segmentation/i,
  },
  'kill -9': { code: 'process.kill(process.pid, "SIGKILL"); for (;;);', says: /SIGKILL|kill/i },
  'heap exhausted': {
    code: 'const hold = []; for (;;) hold.push(new Array(1_000_000).fill({}).map(() => ({ a: [] })));',
    says: /memory|heap/i,
  },
};

for (const [name, { code, says }] of Object.entries(DEATHS)) {
  test(name, () =>
    withKernel(
      async (client, kernel) => {
        await client.cell('const gone = 5;');
        const pid = kernel.child.pid;
        const id = await client.startCell(code);
        const queued = await client.startCell('"never"');
        const cell = await client.finishCell(id, 60_000);
        assert.equal(cell.reply['status'], 'error', JSON.stringify(cell.reply));
        assert.match(cell.reply['evalue'], says);
        assert.equal((await client.finishCell(queued)).reply['status'], 'aborted');
        // The name is unknown to the type check, which may say that late.
        const fresh = await client.cell('// @ts-nocheck\ntypeof gone');
        assert.equal(fresh.result, "'undefined'");
        const late = client.drain().map(({ content }) => content['text'] ?? '');
        const said = [cell.stderr, fresh.stderr, ...late].join('');
        assert.equal(
          said.match(/variables, functions and imports of earlier cells are lost/g)?.length,
          1,
          said,
        );
        assert.equal(kernel.child.pid, pid);
        assert.equal((await client.cell('1 + 1')).result, '2');
        assert.deepEqual(zombies(kernel.child.pid!), []);
      },
      { environment: { NODE_OPTIONS: '--max-old-space-size=200' } },
    ),
  );
}

test('a stack overflow is an error of its cell, and the runtime lives', () =>
  withKernel(async (client) => {
    await client.cell('const kept = 5;');
    const cell = await client.cell('function f(): number { return f() + 1; }\nf()');
    assert.deepEqual(
      [cell.reply['ename'], cell.reply['evalue']],
      ['RangeError', 'Maximum call stack size exceeded'],
    );
    assert.equal((await client.cell('kept')).result, '5');
  }));

test('it dies while idle: the next cell works', () =>
  withKernel(async (client) => {
    const cell = await client.cell('setTimeout(() => process.exit(1), 100); 1');
    assert.equal(cell.result, '1');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal((await client.cell('1 + 1')).result, '2');
    for (const { parent } of client.drain()) assert.equal(parent, cell.id);
  }));

test('ten deaths in a row', () =>
  withKernel(async (client) => {
    for (let i = 0; i < 10; i++) {
      const cell = await client.cell('process.exit(1)');
      assert.equal(cell.reply['status'], 'error');
      assert.equal((await client.cell(`${i} + 1`)).result, String(i + 1));
      client.drain();
    }
  }));

function zombies(parent: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, 'utf8');
      } catch {
        return '';
      }
    })
    .filter((stat) => {
      const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return state === 'Z' && Number(ppid) === parent;
    });
}

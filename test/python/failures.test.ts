// Failures in the middle of a conversion: each is a clear error, nothing is left behind, and both sides can be used again.
import { strict as assert } from 'node:assert';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { PYTHON, needs, sharedPythonKernel, withPython } from './python-kernel.ts';

const numpy = needs('numpy');

let node: number;
const {
  ok,
  fails: failing,
  client,
} = sharedPythonKernel(async (first) => {
  await first('await python.run("import os, signal, threading, time"); tf.ones([1]).dataSync()');
  node = Number((await first('process.pid')).result);
});

async function fails(code: string): Promise<Record<string, string>> {
  return (await failing(code)).reply as Record<string, string>;
}

/** Descriptors and mappings of shared segments that a process holds. */
function held(pid: number): { descriptors: number; mappings: number } {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const ours = (text: string): boolean => text.includes('tensorcell-segment');
  return { descriptors: links.filter(ours).length, mappings: maps.filter(ours).length };
}

/** Garbage is collected when it suits V8: the owner of a mapping goes after a few turns. */
async function collect(): Promise<void> {
  await ok(
    'const { setFlagsFromString } = await import("node:v8"); const { runInNewContext } = await import("node:vm"); setFlagsFromString("--expose-gc"); const gc = runInNewContext("gc"); for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setTimeout(done, 20)); }',
  );
}

test('Python dies while it reads what was sent: an error, and the memory comes back', numpy, async () => {
  const cross = 'await python.call("take", tf.zeros([2_000_000]))';
  await ok('await python.run("def take(x): return None")');
  await ok(`${cross}; 0`);
  await collect();
  const before = held(node);
  for (let i = 0; i < 3; i++) {
    await ok(`await python.run("import os, signal\\ndef take(x): os.kill(os.getpid(), signal.SIGKILL)")`);
    const error = await fails(cross);
    assert.equal(error['ename'], 'PythonDied');
    assert.match(error['evalue']!, /SIGKILL/);
  }
  await collect();
  const after = held(node);
  assert.ok(after.descriptors <= before.descriptors, JSON.stringify([before, after]));
  assert.ok(after.mappings <= before.mappings, JSON.stringify([before, after]));
  await ok('await python.run("def take(x): return x.size")');
  assert.equal((await ok(cross)).result, '2000000');
});

test(
  'Python dies after it has answered, before its memory was read: what was read is whole or an error',
  numpy,
  async () => {
    await ok(
      'await python.run(`import numpy, os, signal, threading\nbig = numpy.arange(3_000_000, dtype=numpy.float32)\ndef soon():\n    threading.Timer(0.005, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\n    return big`)',
    );
    const cell = await client().cell(
      'const got: tf.Tensor = await python.call("soon"); got.sum().dataSync()[0]! > 0 && got.size',
      {
        stop_on_error: false,
      },
    );
    if (cell.reply['status'] === 'ok') assert.equal(cell.result, '3000000');
    else assert.match(cell.reply['evalue'], /has ended|cannot|gone/i);
    assert.equal((await client().cell('await python.get("1 + 1")')).result, '2');
  },
);

test('the runtime dies while it reads: Python keeps nothing of it', numpy, async () => {
  const { result } = await ok(
    'await python.run("import numpy, os\\nbig = numpy.ones(2_000_000)"); await python.get("os.getpid()")',
  );
  const pid = Number(result);
  await ok('await python.get("big"); 0');
  const before = held(pid);
  for (let i = 0; i < 3; i++) {
    const error = await fails(
      'await python.get("big"); process.kill(process.pid, "SIGKILL"); await new Promise(() => {})',
    );
    assert.equal(error['ename'], 'RuntimeDied');
    client().drain('iopub');
    await ok('await python.get("big"); 0');
  }
  assert.ok(held(pid).descriptors <= before.descriptors + 2, JSON.stringify([before, held(pid)]));
  assert.equal((await ok('await python.get("float(big.sum())")')).result, '2000000');
  node = Number((await ok('process.pid')).result);
});

test(
  'an array that changes while it is converted is a snapshot of some moment of each element, and nothing worse',
  numpy,
  async () => {
    await ok(
      'await python.run(`import numpy, threading\nmoving = numpy.zeros(2_000_000, dtype=numpy.int32)\nstop = False\ndef move():\n    n = 0\n    while not stop:\n        n += 1\n        moving[:] = n\nthreading.Thread(target=move, daemon=True).start()`)',
    );
    const checked = await ok(
      'let fine = true; for (let i = 0; i < 5; i++) { const t: tf.Tensor = await python.get("moving"); const a = t.dataSync(); const b = a[0]!; fine &&= a.length === 2_000_000 && Number.isInteger(b); const again = t.dataSync(); fine &&= again[0] === b && again.at(-1) === a.at(-1); t.dispose(); } fine',
    );
    assert.equal(checked.result, 'true');
    await ok('await python.run("stop = True")');
  },
);

test('a dictionary that changes size while it is converted is an error of Python, and the next try works', async () => {
  await ok(
    'await python.run(`class Growing(dict):\n    def items(self):\n        for at, pair in enumerate(list(super().items())):\n            if self.grow: raise RuntimeError("dictionary changed size during iteration")\n            yield pair\ngrowing = Growing(a=1)\ngrowing.grow = True`)',
  );
  // Plain values of subclasses are copied first: what a subclass does does not matter.
  assert.equal((await ok('await python.get("growing")')).result, '{ a: 1 }');
});

test('a value too large for a message, and one nested too deep, are told', async () => {
  assert.match(
    (await fails('await python.get("\'x\' * (110 * 2**20)")'))['evalue']!,
    /110 MB of plain values are too many for one message/,
  );
  await ok('await python.run("deep = []\\nfor _ in range(500): deep = [deep]")');
  assert.match((await fails('await python.get("deep")'))['evalue']!, /nested more than 200 deep/);
  assert.match(
    (
      await fails(
        'let deep: unknown[] = []; for (let i = 0; i < 500; i++) deep = [deep]; await python.set("d", deep)',
      )
    )['evalue']!,
    /nested more than 200 deep/,
  );
});

test('an interrupt while Python starts ends the cell; the next one finds it started', () =>
  withPython(async (other) => {
    const id = await other.startCell(`%%python --env ${PYTHON}\nx = 5`);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await other.request('control', 'interrupt_request', {});
    const cell = await other.finishCell(id);
    if (cell.reply['status'] === 'error') assert.match(cell.reply['ename'], /Interrupted/);
    assert.equal((await other.cell('%%python\n1 + 1')).result, '2');
  }));

test('Python in native code that hears no interrupt is ended by another one, with a message', async () => {
  // A handler that swallows the signal stands for native code that never returns to the interpreter.
  const id = await client().startCell(
    '%%python\nimport signal, time\nsignal.signal(signal.SIGINT, lambda *_: None)\nprint("deaf", flush=True)\nwhile True: time.sleep(0.1)',
  );
  await client().take(
    'iopub',
    ({ type, parent }) => type === 'stream' && parent === id,
    'the handler to be in place',
  );
  await client().send('control', 'interrupt_request', {});
  const told = await client().take(
    'iopub',
    ({ type, content }) => type === 'stream' && /has not answered the interrupt/.test(content['text']),
    'word on the interrupt',
  );
  assert.match(told.content['text'], /Interrupt once more to terminate it/);
  await client().send('control', 'interrupt_request', {});
  const cell = await client().finishCell(id);
  assert.equal(cell.reply['ename'], 'PythonDied');
  assert.match(cell.reply['evalue'], /did not answer several interrupts/);
  await new Promise((resolve) => setTimeout(resolve, 100));
  client().drain();
  assert.equal((await client().cell('%%python\n1 + 1')).result, '2');
});

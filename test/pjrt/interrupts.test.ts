import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { openClient, testPlugins } from './plugins.ts';
import { chain, float, loop, step } from './programs.ts';

/** Runs `action` until V8 terminates it, which is what an interrupt of a cell does: no `catch` or `finally` runs. */
function terminate(ms: number, action: () => void): void {
  const shared = globalThis as { interruptedAction?: () => void };
  shared.interruptedAction = action;
  assert.throws(() => runInThisContext('interruptedAction()', { timeout: ms }), {
    code: 'ERR_SCRIPT_EXECUTION_TIMEOUT',
  });
}

for (const plugin of await testPlugins()) {
  const { name, skip } = plugin;

  test(`${name}: state that is updated in place survives 200 interrupts whole`, { skip }, () => {
    const client = openClient(plugin);
    const size = 32;
    const run = client.compileSync(step(size));
    const ones = () => client.upload(float(size), new Float32Array(size).fill(1));
    const zeros = () => client.upload(float(size), new Float32Array(size));
    const state = [zeros(), ones(), zeros()];
    let calls = 0;
    let lastSum = 0;
    for (let round = 0; round < 200; round++) {
      terminate(1 + (round % 7), () => {
        for (;;) {
          const [sum] = run.run(state);
          calls++;
          if (calls % 3 === 0) lastSum = Number(sum!.readSync()[0]);
          sum!.destroy();
        }
      });
      const x = state[0]!.readSync();
      const y = state[2]!.readSync();
      // Each call adds one to all elements of both; a call is done or not.
      assert.deepEqual(
        [...x],
        Array.from({ length: size }, () => x[0]),
        `round ${round}`,
      );
      assert.deepEqual([...y], [...x], `round ${round}`);
      const steps = Number(x[0]);
      assert.ok(
        steps >= calls && steps <= calls + 1 + round,
        `${steps} steps after ${calls} calls, round ${round}`,
      );
      assert.ok(lastSum <= steps * size);
    }
    assert.ok(calls > 100, `${calls} calls`);
    const [sum] = run.run(state);
    assert.equal(sum!.readSync()[0], Number(state[0]!.readSync()[0]) * size);
    assert.ok(client.memory().buffers < 3 + 210, `${client.memory().buffers} buffers`);
    client.close();
  });

  test(`${name}: a program whose compilation was interrupted is compiled once`, { skip }, () => {
    const client = openClient(plugin);
    const wanted = chain(400);
    let compiled = false;
    terminate(5, () => {
      client.compileSync(wanted);
      compiled = true;
      for (;;);
    });
    assert.equal(compiled, false, 'the program was compiled before the interrupt');
    const begin = performance.now();
    const sines = client.compileSync(wanted);
    // The program from before the interrupt is taken: a compilation takes a hundred times as long.
    const ms = performance.now() - begin;
    assert.ok(Number(sines.run([client.upload(float(), [0.5])])[0]!.readSync()[0]) > 0);
    const again = performance.now();
    client.compileSync({ ...wanted, text: `${wanted.text}\n` });
    assert.ok(ms < (performance.now() - again) / 2, `${ms} ms`);
    // Another one is left at the end.
    terminate(5, () => {
      client.compileSync(chain(401));
      for (;;);
    });
    client.close();
  });

  test(`${name}: waiting for a long program can be interrupted, and the program finishes`, { skip }, () => {
    const client = openClient(plugin);
    const size = 512;
    const long = client.compileSync(loop(size, 100));
    const ones = client.upload(float(size, size), new Float32Array(size * size).fill(1));
    const [result] = long.run([ones]);
    let read = false;
    terminate(10, () => {
      result!.readSync();
      read = true;
      for (;;);
    });
    assert.equal(read, false, 'the program was done before the interrupt');
    assert.equal(result!.readSync()[3], 1);
    client.close();
  });
}

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TF } from '../../src/engines/dtypes.ts';
import type { DeviceBuffer } from '../../src/engines/pjrt/buffers.ts';
import type { FunctionName } from '../../src/engines/pjrt/c-api/api.ts';
import { loadPlugin } from '../../src/engines/pjrt/c-api/plugin.ts';
import type { Program } from '../../src/engines/pjrt/executables.ts';
import { ProgramCache } from '../../src/engines/pjrt/program-cache.ts';
import { openClient, testPlugins } from './plugins.ts';
import { add, chain, failingStep, float, int, loop, program, step } from './programs.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const FOUR = [1, 2, 3, 4];

for (const plugin of await testPlugins()) {
  const { name, skip } = plugin;

  test(
    `${name}: inputs of another dtype, rank, shape or number are refused before the call`,
    { skip },
    () => {
      const client = openClient(plugin);
      const other = openClient(plugin);
      const sum = client.compileSync(add(float(4)));
      const a = client.upload(float(4), FOUR);
      const cases: [inputs: Parameters<typeof sum.run>[0], message: RegExp][] = [
        // The same bytes: the plugin computes with them without an error.
        [
          [a, client.upload(int(4), FOUR)],
          /input 1 of add is int32 \[4\], and the program takes float32 \[4\]/,
        ],
        [
          [client.upload(float(2, 2), FOUR), a],
          /input 0 of add is float32 \[2, 2\], and the program takes float32 \[4\]/,
        ],
        [[client.upload(float(4, 1), FOUR), a], /input 0 of add is float32 \[4, 1\]/],
        [[a, client.upload(float(5), [...FOUR, 5])], /input 1 of add is float32 \[5\]/],
        [[a], /add takes 2 tensors, and 1 were given/],
        [[], /add takes 2 tensors, and 0 were given/],
        [[a, a, a], /add takes 2 tensors, and 3 were given/],
        [[a, other.upload(float(4), FOUR)], /input 1 of add is on a device of another client/],
      ];
      for (const [inputs, message] of cases) {
        assert.throws(() => sum.run(inputs), { name: 'PjrtError', code: 'INVALID_ARGUMENT', message });
      }
      assert.deepEqual([...sum.run([a, a])[0]!.readSync()], [2, 4, 6, 8]);
      client.close();
      other.close();
    },
  );

  test(`${name}: an error in a program names the line and what is wrong`, { skip }, async () => {
    const client = openClient(plugin);
    const type = float(4);
    const wrong = (lines: string, output = type): Program =>
      program('a test', [type, float(5)], [output], lines, ['%r']);
    const cases: [Program, RegExp][] = [
      [
        wrong('%r = stablehlo.nope %a0 : tensor<4xf32>'),
        /compiling a test failed: line 2, column 6 of the program: custom op 'stablehlo.nope' is unknown$/,
      ],
      [
        wrong('%r = stablehlo.add %a0, %a1 : tensor<4xf32>'),
        /line 2, column 25 of the program: use of value '%a1' expects different type/,
      ],
      [wrong('%r = stablehlo.add %a0, %b : tensor<4xf32>'), /use of undeclared SSA value/],
      [
        wrong('%r = stablehlo.reshape %a0 : (tensor<4xf32>) -> tensor<5xf32>', float(5)),
        /number of output elements \(5\) doesn't match/,
      ],
      [{ ...add(type), text: 'module @m { func.func @main( -> }' }, /line 1, column 29 of the program/],
      [{ ...add(type), text: '  \n' }, /the program of add is empty/],
      // It would end the process.
      [
        wrong('%r = func.call @main(%a0, %a1) : (tensor<4xf32>, tensor<5xf32>) -> tensor<4xf32>'),
        /calls a func/,
      ],
      // The text gives something else than the program claims.
      [
        { ...add(type), outputs: [float(2, 2)] },
        /the compiled program of add gives float32 \[4\], and float32 \[2, 2\] was expected/,
      ],
      [{ ...add(type), outputs: [] }, /gives float32 \[4\], and nothing was expected/],
    ];
    for (const [bad, message] of cases) {
      assert.throws(() => client.compileSync(bad), { name: 'PjrtError', message });
      await assert.rejects(client.compile(bad), { name: 'PjrtError', message });
    }
    assert.equal(client.counts.compiled, 0);
    client.close();
  });

  test(`${name}: updates in place keep the address, the object and nothing else`, { skip }, () => {
    const client = openClient(plugin);
    const run = client.compileSync(step(4));
    const [x, one, y] = [
      client.upload(float(4), FOUR),
      client.upload(float(4), [1, 1, 1, 1]),
      client.upload(float(4), [0, 0, 0, 0]),
    ];
    const addresses = [x.address(), y.address()];
    for (let i = 1; i <= 100; i++) {
      const [sum] = run.run([x, one, y]);
      assert.equal(sum!.readSync()[0], 10 + 4 * i);
      sum!.destroy();
    }
    assert.deepEqual([...x.readSync()], [101, 102, 103, 104]);
    assert.deepEqual([...y.readSync()], [100, 100, 100, 100]);
    assert.deepEqual([x.address(), y.address()], addresses);
    assert.deepEqual([...one.readSync()], [1, 1, 1, 1]);
    assert.equal(client.memory().buffers, 3);
    assert.throws(() => run.run([x, x, y]), {
      message: /the step updates input 0 in place, and input 1 is the same tensor: copy it first/,
    });
    assert.throws(() => run.run([x, one, x]), {
      message: /updates input 0 in place, and input 2 is the same/,
    });
    assert.deepEqual([...x.readSync()], [101, 102, 103, 104]);
    // Another program reads what this one has updated.
    assert.deepEqual(
      [
        ...client
          .compileSync(add(float(4)))
          .run([x, y])[0]!
          .readSync(),
      ],
      [201, 202, 203, 204],
    );
    client.close();
  });

  test(`${name}: a freed program is refused, and one that runs finishes`, { skip }, () => {
    const client = openClient(plugin);
    const size = 128;
    const long = client.compileSync(loop(size, 200));
    const ones = client.upload(float(size, size), new Float32Array(size * size).fill(1));
    const [result] = long.run([ones]);
    long.destroy();
    long.destroy();
    ones.destroy();
    assert.equal(result!.readSync()[5], 1);
    assert.throws(() => long.run([ones]), {
      code: 'FAILED_PRECONDITION',
      message: /the program of a loop was freed before/,
    });
    client.close();
  });

  test(`${name}: the event loop turns while a program runs, is compiled and is read`, { skip }, async () => {
    const client = openClient(plugin);
    const size = 256;
    const long = await client.compile(loop(size, 400));
    const ones = client.upload(float(size, size), new Float32Array(size * size).fill(1));
    let turns = 0;
    const timer = setInterval(() => turns++, 2);
    const [result] = long.run([ones]);
    const values = await result!.read();
    const read = turns;
    const [again] = long.run([result!]);
    await client.synchronizeAsync();
    clearInterval(timer);
    assert.equal(values[7], 1);
    assert.equal(again!.readSync()[7], 1);
    assert.ok(read >= 5, `the event loop turned ${read} times`);
    assert.ok(turns >= read + 5, `the event loop turned ${turns} times`);
    client.close();
  });

  test(`${name}: everything that the plugin makes is destroyed once`, { skip }, async () => {
    const { api } = loadPlugin(plugin.file);
    const calls = new Map<FunctionName, number>();
    const native = api.native.bind(api);
    api.native = (called) => {
      calls.set(called, (calls.get(called) ?? 0) + 1);
      return native(called);
    };
    const count = (...names: FunctionName[]) => names.reduce((sum, one) => sum + (calls.get(one) ?? 0), 0);
    try {
      const at = mkdtempSync(join(tmpdir(), 'pjrt-balance-'));
      for (let session = 0; session < 2; session++) {
        const client = openClient(plugin, { cache: new ProgramCache(at) });
        const run = client.compileSync(step(4));
        const sum = await client.compile(add(float(4)));
        assert.throws(() => client.compileSync(program('wrong', [], [], '%r = stablehlo.nope', [])));
        const state = [0, 1, 2].map((value) => client.upload(float(4), [value, 0, 0, 0]));
        for (let i = 0; i < 5; i++) {
          const [total] = run.run(state);
          if (i % 2 === 0) total!.destroy();
          await sum.run([state[0]!, state[1]!])[0]!.read();
        }
        sum.destroy();
        client.close();
      }
      rmSync(at, { recursive: true });
    } finally {
      api.native = native;
    }
    // A client; two programs, compiled and then read from the disk.
    assert.deepEqual([count('ClientCreate'), count('ClientDestroy')], [2, 2]);
    assert.deepEqual(
      [count('ClientCompile', 'ExecutableDeserializeAndLoad'), count('LoadedExecutableDestroy')],
      // Two compilations fail.
      [6, 4],
    );
    assert.equal(count('LoadedExecutableGetExecutable'), 6);
    assert.equal(count('ExecutableDestroy'), 6);
    assert.equal(count('ErrorMessage'), count('ErrorDestroy'));
    // Three tensors and ten calls with three results and one result; two results take over the place of an input.
    assert.deepEqual([count('ClientBufferFromHostBuffer'), count('LoadedExecutableExecute')], [6, 20]);
    assert.equal(count('BufferDestroy'), 6 + 10 * 3 + 10);
    // Of uploads, calls and copies.
    assert.equal(count('EventDestroy'), 6 + 20 + 10);
  });

  test(`${name}: a copy that has begun has the value from before an update in place`, { skip }, async () => {
    const client = openClient(plugin);
    const size = 1_000_000;
    const run = client.compileSync(step(size));
    const ones = new Float32Array(size).fill(1);
    const state = [ones, ones, ones].map((values) => client.upload(float(size), values));
    for (let i = 1; i <= 5; i++) {
      const before = state[0]!.read();
      run.run(state);
      const values = await before;
      assert.deepEqual([values[0], values[size - 1]], [i, i]);
    }
    client.close();
  });

  test(
    `${name}: a step that fails on the device loses its state with the reason, and only that`,
    { skip },
    () => {
      const client = openClient(plugin);
      const run = client.compileSync(failingStep());
      const [state, other] = [
        client.upload(float(4_194_304, 1), new Float32Array(4_194_304)),
        client.upload(float(4), FOUR),
      ];
      const full = { code: 'RESOURCE_EXHAUSTED', message: /^running a failing step failed: Out of memory/ };
      let result: DeviceBuffer | undefined;
      // The plugin refuses the call, or reports the failure with its completion.
      try {
        [result] = run.run([state]);
      } catch (error) {
        assert.throws(() => {
          throw error;
        }, full);
      }
      if (result !== undefined) assert.throws(() => result.readSync(), full);
      assert.throws(() => state.readSync(), { message: /failed/ });
      assert.throws(() => run.run([state]), { message: /failed/ });
      state.destroy();
      assert.deepEqual([...other.readSync()], FOUR);
      const sum = client.compileSync(add(float(4)));
      assert.deepEqual([...sum.run([other, other])[0]!.readSync()], [2, 4, 6, 8]);
      client.close();
    },
  );

  test(`${name}: a client that is closed while it compiles stays until that is done`, { skip }, async () => {
    const client = openClient(plugin);
    const compiling = [chain(300), chain(301)].map((one) => client.compile(one));
    client.close();
    const closed = { message: /the PJRT client is closed/ };
    await Promise.all(compiling.map((one) => assert.rejects(one, closed)));
    await assert.rejects(client.compile(chain(3)), { message: /the PJRT client is closed/ });
  });

  test(`${name}: thousands of calls with collections between them keep every address valid`, { skip }, () => {
    const client = openClient(plugin);
    const run = client.compileSync(step(16));
    const sum = client.compileSync(add(float(16)));
    const state = [new Float32Array(16), new Float32Array(16).fill(1), new Float32Array(16)].map((values) =>
      client.upload(float(16), values),
    );
    let waste: unknown[] = [];
    for (let i = 0; i < 3000; i++) {
      const [total] = run.run(state);
      const [twice] = sum.run([state[0]!, state[2]!]);
      waste.push(new Uint8Array(500), total);
      if (i % 250 === 0) {
        waste = [];
        collect();
        assert.equal(twice!.readSync()[3], 2 * (i + 1));
      }
      twice!.destroy();
    }
    assert.equal(state[0]!.readSync()[15], 3000);
    client.close();
  });

  test(`${name}: programs without inputs, without outputs and with complex numbers run`, { skip }, () => {
    const client = openClient(plugin);
    const constant = program(
      'a constant',
      [],
      [float(2)],
      '%r = stablehlo.constant dense<[1.5, -2.0]> : tensor<2xf32>',
      ['%r'],
    );
    assert.deepEqual([...client.compileSync(constant).run([])[0]!.readSync()], [1.5, -2]);
    const none: Program = {
      name: 'nothing',
      text: 'module @m { func.func @main(%a: tensor<2xf32>) { return } }',
      inputs: [float(2)],
      outputs: [],
    };
    assert.deepEqual(client.compileSync(none).run([client.upload(float(2), [1, 2])]), []);
    const complex = { dtype: TF.COMPLEX64, shape: [1] };
    const square = program(
      'square',
      [complex],
      [complex],
      '%r = stablehlo.multiply %a0, %a0 : tensor<1xcomplex<f32>>',
      ['%r'],
    );
    assert.deepEqual(
      [
        ...client
          .compileSync(square)
          .run([client.upload(complex, [1, 2])])[0]!
          .readSync(),
      ],
      [-3, 4],
    );
    client.synchronize();
    client.close();
  });
}

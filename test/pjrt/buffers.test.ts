import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TF } from '../../src/engines/dtypes.ts';
import { openClient, testPlugins } from './plugins.ts';
import { add, float, hugeTemporary, int, program } from './programs.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Dtypes with values at their limits. */
const VALUES: [dtype: number, shape: number[], values: (number | bigint)[]][] = [
  [TF.FLOAT, [2, 3], [1.5, -0, Infinity, -Infinity, 2 ** -149, 3.4028234663852886e38]],
  [TF.DOUBLE, [2], [Math.PI, -1e300]],
  [TF.INT32, [3], [-(2 ** 31), 0, 2 ** 31 - 1]],
  [TF.INT64, [2], [-(2n ** 63n), 2n ** 63n - 1n]],
  [TF.UINT64, [2], [0n, 2n ** 64n - 1n]],
  [TF.UINT32, [2], [0, 2 ** 32 - 1]],
  [TF.INT8, [2], [-128, 127]],
  [TF.UINT8, [2], [0, 255]],
  [TF.INT16, [2], [-32768, 32767]],
  [TF.UINT16, [2], [0, 65535]],
  [TF.BOOL, [2, 2], [0, 1, 1, 0]],
  [TF.COMPLEX64, [2], [1, 2, -3, 4]],
  // Bits of 1 and -2.
  [TF.HALF, [2], [0x3c00, 0xc000]],
  [TF.BFLOAT16, [2], [0x3f80, 0xc000]],
  [TF.FLOAT, [], [7]],
  [TF.FLOAT, [0], []],
  [TF.INT32, [3, 0, 2], []],
  [TF.FLOAT, [1, 2, 1, 2, 1], [1, 2, 3, 4]],
];

for (const plugin of await testPlugins()) {
  const { name, skip } = plugin;

  test(`${name}: values of each dtype come back as they were`, { skip }, async () => {
    const client = openClient(plugin);
    for (const [dtype, shape, values] of VALUES) {
      const buffer = client.upload({ dtype, shape }, values);
      assert.deepEqual([...buffer.readSync()], values);
      assert.deepEqual([...(await buffer.read())], values);
      buffer.destroy();
    }
    assert.equal(client.memory().bytes, 0);
    client.close();
  });

  test(`${name}: values are read in row-major order, whatever order the device keeps`, { skip }, () => {
    const client = openClient(plugin);
    const transpose = program(
      'transpose',
      [float(2, 3)],
      [float(3, 2)],
      '%r = stablehlo.transpose %a0, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>',
      ['%r'],
    );
    const [result] = client.compileSync(transpose).run([client.upload(float(2, 3), [1, 2, 3, 4, 5, 6])]);
    assert.deepEqual([...result!.readSync()], [1, 4, 2, 5, 3, 6]);
    client.close();
  });

  test(`${name}: bad values, shapes and dtypes are refused with their names`, { skip }, () => {
    const client = openClient(plugin);
    const cases: [dtype: number, shape: number[], values: number[], message: RegExp][] = [
      [TF.FLOAT, [2, 3], [1, 2, 3], /a tensor of float32 \[2, 3\] has 6 values, and 3 were given/],
      [TF.COMPLEX64, [2], [1, 2], /a tensor of complex64 \[2\] has 4 values, and 2 were given/],
      [TF.FLOAT, [-4], [1, 2, 3, 4], /-4 is not a valid axis size/],
      [TF.FLOAT, [1.5], [1], /1\.5 is not a valid axis size/],
      [TF.STRING, [1], [1], /PJRT devices hold no tensors of dtype string/],
      [TF.RESOURCE, [], [1], /PJRT devices hold no tensors of dtype resource/],
      [99, [], [1], /PJRT devices hold no tensors of dtype dtype 99/],
    ];
    for (const [dtype, shape, values, message] of cases) {
      assert.throws(() => client.upload({ dtype, shape }, values), { message });
    }
    assert.equal(client.memory().buffers, 0);
    client.close();
  });

  test(`${name}: a freed buffer is freed once and refused afterwards`, { skip }, () => {
    const client = openClient(plugin);
    const sum = client.compileSync(add(float(4)));
    const [a, b] = [client.upload(float(4), [1, 2, 3, 4]), client.upload(float(4), [1, 1, 1, 1])];
    const before = {
      code: 'FAILED_PRECONDITION',
      message: /float32 \[4\], has no value: it was freed before/,
    };
    for (let i = 0; i < 3; i++) a.destroy();
    assert.equal(a.live, false);
    assert.equal(a.deleted, true);
    assert.throws(() => a.readSync(), before);
    assert.throws(() => a.address(), before);
    assert.throws(() => sum.run([b, a]), {
      ...before,
      message: /input 1 of add, a tensor of float32 \[4\], has no/,
    });
    assert.deepEqual([...sum.run([b, b])[0]!.readSync()], [2, 2, 2, 2]);
    client.close();
    b.destroy();
    assert.throws(() => b.readSync(), { message: /the PJRT client is closed/ });
    assert.throws(() => client.upload(float(), [1]), { message: /the PJRT client is closed/ });
    assert.throws(() => client.compileSync(add(float(4))), { message: /the PJRT client is closed/ });
  });

  test(
    `${name}: memory is counted by live buffers, also those that were dropped without a word`,
    { skip },
    async () => {
      const client = openClient(plugin);
      const sum = client.compileSync(add(int(1000)));
      const one = client.upload(int(1000), new Int32Array(1000).fill(1));
      assert.deepEqual(client.memory(), {
        bytes: 4000,
        peakBytes: 4000,
        buffers: 1,
        source: 'engine',
        limit: undefined,
      });
      const results = Array.from({ length: 10 }, () => sum.run([one, one])[0]!);
      assert.equal(client.memory().bytes, 44_000);
      for (const result of results) result.destroy();
      for (let i = 0; i < 50; i++) sum.run([one, one]);
      const { peakBytes } = client.memory();
      assert.ok(peakBytes >= 204_000, `the peak is ${peakBytes}`);
      for (let i = 0; i < 50 && client.memory().buffers > 1; i++) {
        collect();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.equal(client.memory().buffers, 1);
      assert.equal(client.memory().bytes, 4000);
      assert.deepEqual([...one.readSync()].slice(0, 3), [1, 1, 1]);
      client.close();
    },
  );

  test(`${name}: out of memory names the action, at once or when the result is read`, { skip }, async () => {
    const client = openClient(plugin);
    const terabytes = float(2 ** 44);
    const fill = program(
      'fill',
      [float()],
      [terabytes],
      '%r = stablehlo.broadcast_in_dim %a0, dims = [] : (tensor<f32>) -> tensor<17592186044416xf32>',
      ['%r'],
    );
    const full = {
      code: 'RESOURCE_EXHAUSTED',
      message: /^running fill failed: Out of memory allocating .* smaller batch/,
    };
    assert.throws(() => client.compileSync(fill).run([client.upload(float(), [1])]), full);
    const huge = client.compileSync(hugeTemporary());
    const column = client.upload(float(4_194_304, 1), new Float32Array(4_194_304));
    const late = { code: 'RESOURCE_EXHAUSTED', message: /^running a huge product failed: Out of memory/ };
    const [first] = huge.run([column]);
    assert.throws(() => first!.readSync(), late);
    assert.throws(() => first!.readSync(), late);
    assert.throws(() => first!.address(), late);
    const [second] = huge.run([column]);
    await assert.rejects(second!.read(), late);
    client.synchronize();
    huge.run([column]);
    assert.throws(() => client.synchronize(), late);
    client.synchronize();
    huge.run([column]);
    await assert.rejects(client.synchronizeAsync(), late);
    const sum = client.compileSync(add(float()));
    const value = client.upload(float(), [2]);
    assert.deepEqual([...sum.run([value, value])[0]!.readSync()], [4]);
    client.close();
  });
}

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { koffi } from '../../src/base/koffi.ts';
import { apiProblem, loadPlugin, stablehloProblem } from '../../src/engines/pjrt/c-api/plugin.ts';
import { shortMessage } from '../../src/engines/pjrt/errors.ts';
import { loadTensorflow } from '../../src/engines/tensorflow/loading.ts';
import { openClient, testPlugins } from './plugins.ts';
import { theSystem } from '../../src/base/memory/system.ts';
import { layoutOf, type StructName } from '../../src/engines/pjrt/c-api/structs.ts';
import { compileOptions } from '../../src/engines/pjrt/compile-options.ts';
import { add, chain, float } from './programs.ts';

// Shared memory may be the first to load a library with koffi.
theSystem();

const plugins = await testPlugins();
const folder = mkdtempSync(join(tmpdir(), 'pjrt-plugin-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const EXPECTED: Record<string, { api: number[]; stablehlo: number[] }> = {
  'pjrt-cpu': { api: [0, 115], stablehlo: [1, 20, 0] },
  'pjrt-cpu-second': { api: [0, 106], stablehlo: [1, 16, 1] },
};

for (const plugin of plugins) {
  const { name, file, skip } = plugin;

  test(`${name}: versions, attributes and devices are read`, { skip }, () => {
    const loaded = loadPlugin(file);
    assert.deepEqual(loaded.version, EXPECTED[name]?.api);
    assert.deepEqual(loaded.stablehlo, EXPECTED[name]?.stablehlo);
    assert.deepEqual(loaded.attributes.get('stablehlo_minimum_version'), [0, 9, 0]);
    assert.equal(loadPlugin(file), loaded);
    const client = openClient(plugin);
    assert.equal(client.platform, 'cpu');
    assert.deepEqual(
      client.devices.map(({ id, kind }) => [id, kind]),
      [0, 1, 2, 3].map((id) => [id, 'cpu']),
    );
    client.close();
    client.close();
  });

  test(
    `${name}: a chain of 1,000 operations compiles on this thread and on another one`,
    { skip },
    async () => {
      const client = openClient(plugin);
      const { sync_stack_size, async_stack_size } = koffi().config();
      assert.deepEqual([sync_stack_size, async_stack_size], [2 ** 24, 2 ** 24]);
      const input = client.upload(float(), [0.5]);
      let expected = 0.5;
      for (let i = 0; i < 1000; i++) expected = Math.sin(expected);
      for (const compiled of [client.compileSync(chain(1000)), await client.compile(chain(1000))]) {
        const [result] = compiled.run([input]);
        assert.ok(Math.abs(Number(result!.readSync()[0]) - expected) < 1e-4);
      }
      client.close();
    },
  );

  test(`${name}: a file cut to half its length is refused before it is mapped`, { skip }, () => {
    const half = join(folder, `${name}.so`);
    copyFileSync(file, half);
    truncateSync(half, 100_000_000);
    assert.throws(() => loadPlugin(half), {
      name: 'PjrtError',
      code: 'BAD_PLUGIN',
      message: /cannot use the PJRT plugin .*: it was cut short: it has 100000000 of .* Install it again/,
    });
    rmSync(half);
  });
}

test(
  'both plugins and TensorFlow compute in one process',
  { skip: plugins.find(({ skip }) => skip)?.skip },
  () => {
    const tensorflow = loadTensorflow();
    assert.ok(tensorflow);
    for (const plugin of plugins) {
      const client = openClient(plugin);
      const sum = client.compileSync(add(float(2)));
      const values = [client.upload(float(2), [1, 2]), client.upload(float(2), [10, 20])];
      assert.deepEqual([...sum.run(values)[0]!.readSync()], [11, 22]);
      client.close();
    }
    const { binding } = tensorflow;
    const ids = [
      [1, 2],
      [10, 20],
    ].map((values) => binding.createTensor([2], 1, values));
    const [result] = binding.executeOp('AddV2', [{ name: 'T', type: 4, value: 1 }], ids, 1);
    assert.deepEqual([...(binding.tensorDataSync(result!.id) as Float32Array)], [11, 22]);
  },
);

test('files that are no plugin are refused with the reason', () => {
  const text = join(folder, 'text.so');
  writeFileSync(text, 'no library');
  const cases: [file: string, reason: RegExp][] = [
    [join(folder, 'missing.so'), /missing\.so: the file does not exist\. Install it again/],
    [text, /text\.so: it has 10 bytes and does not begin as a library/],
    [
      join(
        import.meta.dirname,
        '..',
        '..',
        'node_modules',
        '@koromix',
        'koffi-linux-x64',
        'linux_x64',
        'koffi.node',
      ),
      /koffi\.node: it has no function GetPjrtApi, so it is not a PJRT plugin\. Install it again/,
    ],
  ];
  for (const [file, reason] of cases) {
    assert.throws(() => loadPlugin(file), { name: 'PjrtError', code: 'BAD_PLUGIN', message: reason });
  }
});

test('structs have the size and the fields of the header', () => {
  // A C compiler's sizeof and offsetof of the last field, for version 0.90 of the header; later ones only append.
  const sizes: [StructName, size: number, field: string, offset: number][] = [
    ['ErrorMessage', 40, 'messageSize', 32],
    ['ErrorGetCode', 28, 'code', 24],
    ['PluginAttributes', 32, 'count', 24],
    ['EventIsReady', 25, 'isReady', 24],
    ['ClientCreate', 88, 'keyValueTryGetArgument', 80],
    ['ClientCompile', 56, 'executable', 48],
    ['ClientBufferFromHostBuffer', 120, 'buffer', 112],
    ['DeviceMemoryStats', 185, 'peakPoolBytesSet', 184],
    ['ExecutableSerialize', 56, 'deleter', 48],
    ['LoadedExecutableExecute', 80, 'executeDevice', 72],
    ['ExecutableDeserializeAndLoad', 64, 'optionsSize', 56],
    ['BufferToHostBuffer', 56, 'event', 48],
    ['ExecutableOutputDimensions', 48, 'ranks', 40],
    ['Program', 48, 'formatSize', 40],
    ['ExecuteOptions', 112, 'incarnationIds', 104],
    ['MemoryLayout', 76, 'kind', 72],
    ['NamedValue', 56, 'valueSize', 48],
  ];
  for (const [name, size, field, offset] of sizes) {
    const layout = layoutOf(name);
    assert.deepEqual([layout.size, layout.fields.get(field)?.offset], [size, offset], name);
  }
});

test('compile options have the counts without which the plugin ends the process', () => {
  // executable_build_options: device_ordinal -1, num_replicas 1, num_partitions 1
  const build = [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0x20, 1, 0x28, 1];
  assert.deepEqual([...compileOptions()], [0x1a, build.length, ...build]);
});

/** The first 40 bytes of a PJRT_Api. */
function head(size: number, major: number, minor: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(40));
  bytes.setBigUint64(0, BigInt(size), true);
  bytes.setInt32(32, major, true);
  bytes.setInt32(36, minor, true);
  return new Uint8Array(bytes.buffer);
}

test('versions that the engine does not know are refused, newer minor ones are not', () => {
  const cases: [size: number, major: number, minor: number, problem: RegExp | undefined][] = [
    [1144, 0, 115, undefined],
    [4000, 0, 400, undefined],
    [1144, 0, 106, undefined],
    [1144, 0, 105, /version 0\.105 of the PJRT API, and 0\.106 is the oldest/],
    [1144, 1, 0, /version 1\.0 of the PJRT API, and this Tensorcell knows version 0/],
    [300, 0, 115, /its function table has 300 bytes, and 776 are needed/],
  ];
  for (const [size, major, minor, problem] of cases) {
    const found = apiProblem(head(size, major, minor));
    if (problem === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', problem);
  }
  assert.equal(stablehloProblem(undefined), undefined);
  assert.equal(stablehloProblem([1, 16, 0]), undefined);
  assert.equal(stablehloProblem([1, 99, 7]), undefined);
  assert.match(
    stablehloProblem([1, 15, 3]) ?? '',
    /it reads StableHLO 1\.15\.3, and programs are written in 1\.16/,
  );
  assert.match(stablehloProblem([2, 0, 0]) ?? '', /it reads StableHLO 2\.0\.0/);
});

test('messages keep what a user can act on', () => {
  const cases: [text: string, short: string][] = [
    ['Out of memory allocating 70368744177664 bytes.', 'Out of memory allocating 70368744177664 bytes.'],
    [
      "-:1:72: error: custom op 'stablehlo.nope' is unknown\n<unknown>:0: error: Failed to parse using StableHLO v1.20.0, this could indicate forward incompatibility, >12w old unsupported plugin, or a portable artifact that needs to be further downgraded.\n",
      "line 1, column 72 of the program: custom op 'stablehlo.nope' is unknown",
    ],
    [
      'E0102: RuntimeProgramInputMismatch:\nExecutable(m) expected parameter 1 of size 16\nSee https://openxla.org/xla/errors/error_0102 for more details.\n=== Source Location Trace: ===\n./xla/error/error_codes.h:257\nxla/pjrt/common_pjrt_client.cc:2480\n',
      'RuntimeProgramInputMismatch: Executable(m) expected parameter 1 of size 16',
    ],
    ['x'.repeat(2000), `${'x'.repeat(600)}…`],
  ];
  for (const [text, short] of cases) assert.equal(shortMessage(text), short);
});

import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ProgramCache, type ProgramKey } from '../../src/engines/pjrt/program-cache.ts';
import { openClient, testPlugins } from './plugins.ts';
import { add, float, int, program, step } from './programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'pjrt-cache-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const files = (of: string) => readdirSync(of).sort();
const plugins = await testPlugins();

for (const plugin of plugins) {
  const { name, skip } = plugin;

  test(`${name}: a second session compiles nothing and computes the same`, { skip }, async () => {
    const at = join(folder, `${name}-second`);
    const results: number[][] = [];
    for (const session of [0, 1, 2]) {
      const client = openClient(plugin, { cache: new ProgramCache(at) });
      const sum = client.compileSync(add(float(4)));
      const run = await client.compile(step(4));
      const state = [
        [1, 2, 3, 4],
        [1, 1, 1, 1],
        [5, 6, 7, 8],
      ].map((values) => client.upload(float(4), values));
      const address = state[0]!.address();
      const [total] = run.run(state);
      results.push([...total!.readSync(), ...sum.run([state[0]!, state[2]!])[0]!.readSync()].map(Number));
      // Updates in place belong to what was kept.
      assert.equal(state[0]!.address(), address);
      assert.deepEqual(
        client.counts,
        session === 0 ? { compiled: 2, cached: 0 } : { compiled: 0, cached: 2 },
      );
      client.close();
    }
    assert.deepEqual(results, [
      [14, 8, 10, 12, 14],
      [14, 8, 10, 12, 14],
      [14, 8, 10, 12, 14],
    ]);
    for (const file of files(at)) assert.equal(statSync(join(at, file)).mode & 0o777, 0o600);
  });

  test(`${name}: a damaged or foreign file is compiled again and replaced`, { skip }, () => {
    const at = join(folder, `${name}-damage`);
    const compile = (type = float(4)) => {
      const client = openClient(plugin, { cache: new ProgramCache(at) });
      const sum = client.compileSync(add(type));
      const value = client.upload(type, [1, 2, 3, 4]);
      assert.deepEqual([...sum.run([value, value])[0]!.readSync()], [2, 4, 6, 8]);
      const { counts } = client;
      client.close();
      return counts;
    };
    assert.deepEqual(compile(), { compiled: 1, cached: 0 });
    const [only = ''] = files(at);
    const file = join(at, only);
    const whole = readFileSync(file);
    const flipped = (index: number) => {
      const bytes = Buffer.from(whole);
      bytes[index]! ^= 1;
      return bytes;
    };
    const damages: [what: string, bytes: Uint8Array][] = [
      ['cut in half', whole.subarray(0, whole.length >> 1)],
      ['without its last byte', whole.subarray(0, -1)],
      ['only the header', whole.subarray(0, 85)],
      ['empty', Buffer.alloc(0)],
      ['another format', flipped(0)],
      ['another key', flipped(30)],
      ['another checksum', flipped(60)],
      ['a bit of the program', flipped(whole.length >> 1)],
      ['the last bit', flipped(whole.length - 1)],
      ['bytes appended', Buffer.concat([whole, Buffer.from('x')])],
      ['text', Buffer.from('hello')],
    ];
    for (const [what, bytes] of damages) {
      writeFileSync(file, bytes);
      assert.deepEqual(compile(), { compiled: 1, cached: 0 }, what);
      assert.deepEqual(compile(), { compiled: 0, cached: 1 }, what);
    }
    // A whole file of another program under this one's name.
    compile(int(4));
    const other = files(at).find((one) => one !== only)!;
    renameSync(join(at, other), file);
    assert.deepEqual(compile(), { compiled: 1, cached: 0 });
  });
}

test('the key has everything that the compiled program depends on', () => {
  const key: ProgramKey = {
    text: 'module',
    options: Uint8Array.of(1, 2),
    plugin: 'aa',
    platform: 'cpu',
    deviceKind: 'cpu',
    cpu: 'x64 avx2',
  };
  const cache = new ProgramCache(join(folder, 'keys'));
  cache.write(key, Uint8Array.of(7, 8, 9));
  assert.deepEqual([...cache.read(key)!], [7, 8, 9]);
  const others: Partial<ProgramKey>[] = [
    { text: 'modulf' },
    { options: Uint8Array.of(1, 3) },
    { plugin: 'ab' },
    { platform: 'cpu 2' },
    { deviceKind: 'gpu' },
    { cpu: 'x64 avx512f' },
    // The same characters, divided differently.
    { platform: 'cp', deviceKind: 'ucpu' },
  ];
  for (const other of others)
    assert.equal(cache.read({ ...key, ...other }), undefined, JSON.stringify(other));
  cache.remove(key);
  assert.equal(cache.read(key), undefined);
});

test('the programs that were not used for the longest time make room', () => {
  const at = join(folder, 'room');
  const cache = new ProgramCache(at, 1000);
  const key = (text: string): ProgramKey => ({
    text,
    options: new Uint8Array(),
    plugin: '',
    platform: '',
    deviceKind: '',
    cpu: '',
  });
  const age = (seconds: number) => {
    for (const file of files(at)) {
      const path = join(at, file);
      const { atimeMs, mtimeMs } = statSync(path);
      utimesSync(path, atimeMs / 1000 - seconds, mtimeMs / 1000 - seconds);
    }
  };
  cache.write(key('a'), new Uint8Array(300));
  age(100);
  cache.write(key('b'), new Uint8Array(300));
  age(100);
  assert.ok(cache.read(key('a')));
  cache.write(key('c'), new Uint8Array(300));
  assert.deepEqual(
    ['a', 'b', 'c'].map((text) => cache.read(key(text)) !== undefined),
    [true, false, true],
  );
});

test('a folder that cannot be written costs only time', { skip: plugins[0]!.skip }, () => {
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  const client = openClient(plugins[0]!, { cache: new ProgramCache(join(file, 'inside')) });
  const negate = program('negate', [float()], [float()], '%r = stablehlo.negate %a0 : tensor<f32>', ['%r']);
  assert.deepEqual(
    [
      ...client
        .compileSync(negate)
        .run([client.upload(float(), [3])])[0]!
        .readSync(),
    ],
    [-3],
  );
  client.close();
});

test(
  'programs of one plugin are not read by the other',
  { skip: plugins.find(({ skip }) => skip)?.skip },
  () => {
    const cache = new ProgramCache(join(folder, 'shared'));
    const counts = [...plugins, ...plugins].map((plugin) => {
      const client = openClient(plugin, { cache });
      client.compileSync(add(float(3)));
      client.close();
      return client.counts;
    });
    assert.deepEqual(counts, [
      { compiled: 1, cached: 0 },
      { compiled: 1, cached: 0 },
      { compiled: 0, cached: 1 },
      { compiled: 0, cached: 1 },
    ]);
  },
);

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compilerFlags } from '../../src/engines/pjrt/compile-options.ts';
import { ProgramCache } from '../../src/engines/pjrt/program-cache.ts';
import { openClient, testPlugins } from './plugins.ts';
import { add, float } from './programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'pjrt-flags-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
  delete process.env['XLA_FLAGS'];
});

for (const plugin of await testPlugins()) {
  const { name, skip } = plugin;

  // A plugin reads XLA_FLAGS once, in its first compilation, and ends the process at a word that it does not know.
  test(`${name}: XLA_FLAGS reach the compiler, and a wrong one is an error`, { skip }, async () => {
    const client = openClient(plugin, { cache: new ProgramCache(join(folder, name)) });
    const wrong: [flags: string, message: RegExp][] = [
      ['--xla_no_such_flag=1', /compiling add failed: .*xla_no_such_flag/],
      ['--xla_cpu_enable_fast_math=banana', /compiling add failed: .*banana/],
      ['nothing', /XLA_FLAGS is "nothing": it has to be flags/],
      ['--xla_cpu_enable_fast_math=true and', /XLA_FLAGS has the word "and"/],
    ];
    for (const [flags, message] of wrong) {
      process.env['XLA_FLAGS'] = flags;
      assert.throws(() => client.compileSync(add(float(4))), { name: 'PjrtError', message });
      await assert.rejects(client.compile(add(float(4))), { name: 'PjrtError', message });
    }
    const right = ['--xla_cpu_enable_fast_math=true', '--xla_cpu_enable_fast_math'];
    for (const flags of [undefined, ...right]) {
      if (flags === undefined) delete process.env['XLA_FLAGS'];
      else process.env['XLA_FLAGS'] = flags;
      const value = client.upload(float(4), [1, 2, 3, 4]);
      assert.deepEqual(
        [
          ...client
            .compileSync(add(float(4)))
            .run([value, value])[0]!
            .readSync(),
        ],
        [2, 4, 6, 8],
      );
    }
    // Programs with other flags are other programs; both of the last mean the same.
    assert.deepEqual(client.counts, { compiled: 2, cached: 1 });
    client.close();
  });
}

test('flags are read from a text or a file', () => {
  const file = join(folder, 'flags');
  writeFileSync(file, '--xla_a=1\n--xla_b\n');
  const cases: [text: string | undefined, flags: [string, string][]][] = [
    [undefined, []],
    ['', []],
    [
      '--xla_a=1  -xla_b --xla_c=x=y',
      [
        ['xla_a', '1'],
        ['xla_b', 'true'],
        ['xla_c', 'x=y'],
      ],
    ],
    [
      file,
      [
        ['xla_a', '1'],
        ['xla_b', 'true'],
      ],
    ],
  ];
  for (const [text, flags] of cases) assert.deepEqual(compilerFlags(text), flags);
});

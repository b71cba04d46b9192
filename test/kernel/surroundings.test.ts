// One folder and one environment: whatever changes them, everything else sees it.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from './kernel-process.ts';

/** Ways to set, and to read, a variable of the environment; `NAME` and `VALUE` are put in. */
const SET: Record<string, string> = {
  'process.env': 'process.env.NAME = "VALUE";',
  'process.env late': 'await new Promise((done) => setTimeout(done, 10)); process.env.NAME = "VALUE";',
  'process.loadEnvFile': `import { writeFileSync } from 'node:fs';
writeFileSync('variables', 'NAME=VALUE\\n');
if (process.loadEnvFile) process.loadEnvFile('variables'); else process.env.NAME = "VALUE";`,
  '%env': '%env NAME=VALUE',
  '%%python': '%%python\nimport os\nos.environ["NAME"] = "VALUE"',
};

const READ: Record<string, string> = {
  'process.env': 'console.log(process.env.NAME)',
  '%env': '%env NAME',
  '!': '!echo $NAME',
  '! after code': 'const ready = true;\n!echo $NAME',
  '%%bash': '%%bash\necho $NAME',
  '%%python': '%%python\nimport os\nprint(os.environ["NAME"])',
};

test('variables of the environment are shared', async (t) => {
  let last = '';
  await withKernel(async (client) => {
    for (const [setter, set] of Object.entries(SET)) {
      for (const [reader, read] of Object.entries(READ)) {
        await t.test(`${setter} to ${reader}`, async () => {
          const value = `${setter}-${reader}`.replace(/\W+/g, '-');
          // loadEnvFile does not replace what is there.
          const variable = `V${value.replaceAll('-', '_')}`;
          last = variable;
          const put = (code: string): string => code.replaceAll('NAME', variable).replaceAll('VALUE', value);
          assert.equal((await client.cell(put(set))).reply['status'], 'ok');
          const cell = await client.cell(put(read));
          assert.equal(cell.stdout, `${value}\n`, cell.stderr);
        });
      }
    }
    await client.cell(`delete process.env['${last}']`);
    assert.equal((await client.cell(`!echo "<$${last}>"`)).stdout, '<>\n');
    const gone = await client.cell(`%%python\nimport os\nprint(os.environ.get("${last}"))`);
    assert.equal(gone.stdout, 'None\n');
  });
});

const MOVE: Record<string, string> = {
  'process.chdir': 'process.chdir("NAME")',
  '%cd': '%cd NAME',
  '%%python': '%%python\nimport os\nos.chdir("NAME")',
};

const WHERE: Record<string, string> = {
  'process.cwd': 'console.log(process.cwd())',
  '%pwd': '%pwd',
  '!': '!pwd',
  '%%bash': '%%bash\npwd',
  '%%python': '%%python\nimport os\nprint(os.getcwd())',
};

test('the folder is shared', async (t) => {
  await withKernel(
    async (client, { folder }) => {
      // Types are not the subject, and each move opens the project anew.
      await client.cell('%typecheck off');
      for (const [mover, move] of Object.entries(MOVE)) {
        for (const [reader, read] of Object.entries(WHERE)) {
          await t.test(`${mover} to ${reader}`, async () => {
            await client.cell(`process.chdir(${JSON.stringify(folder)})`);
            assert.equal((await client.cell(move.replace('NAME', `${folder}/below`))).reply['status'], 'ok');
            assert.equal((await client.cell(read)).stdout, `${folder}/below\n`);
          });
        }
      }
    },
    { folders: ['below'] },
  );
});

/** A command, and what it prints; `name` is 'Ada', `list` is [1, 2]. */
const COMMANDS: [command: string, stdout: string][] = [
  ['echo {name}', 'Ada\n'],
  ['echo {name}-{list.length} {name.toUpperCase()}', 'Ada-2 ADA\n'],
  ['echo "{list[0] + 1}"', '2\n'],
  ["echo {list.map((each) => each * 10).join('-')}", '10-20\n'],
  ['echo {1..3}', '1 2 3\n'],
  ['echo {a,b}', 'a b\n'],
  ['x=5; echo ${x}', '5\n'],
  ['echo {unknown}', '{unknown}\n'],
  ["echo 'a b' | awk '{print $2}'", 'b\n'],
  ["echo 'a b' | awk '{print}'", 'a b\n'],
  [`printf '1\\n2\\n' | awk '{name += $1} END {print name}'`, '3\n'],
  [`echo '{"name": 1}'`, '{"name": 1}\n'],
  ["echo aa | grep -E 'a{2}'", 'aa\n'],
  ['find . -maxdepth 0 -exec echo {} \\;', '.\n'],
  ["echo '{{name}}'", '{{name}}\n'],
];

test('{expression} of a command is interpolated when it evaluates, and left alone otherwise', async (t) => {
  await withKernel(async (client) => {
    await client.cell('const name: string = "Ada"; const list = [1, 2];');
    for (const [command, stdout] of COMMANDS) {
      await t.test(command, async () => {
        const cell = await client.cell(`!${command}`);
        assert.deepEqual([cell.stdout, cell.stderr], [stdout, '']);
      });
    }
    const loop = await client.cell('for (const each of list) {\n  !echo {each * 10}\n}');
    assert.equal(loop.stdout, '10\n20\n');
    assert.equal((await client.cell('name + list')).result, "'Ada1,2'");
  });
});

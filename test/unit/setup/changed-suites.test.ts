import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const root = join(__dirname, '..', '..', '..');
const KNOWN = [
  'types',
  'lint',
  'format',
  'unused',
  'words',
  'unit',
  'tensorflow',
  'keras',
  'faults',
  'growth',
  'notebooks',
  'data',
];

/** Runs an expression over the script's exports; jest's modules are CommonJS, the script is not. */
function evaluate(expression: string): unknown {
  const url = pathToFileURL(join(root, 'scripts', 'changed-suites.mjs')).href;
  const code = `import * as m from ${JSON.stringify(url)}; console.log(JSON.stringify(${expression} ?? null))`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }),
  );
}

const ALWAYS = ['types', 'lint', 'format', 'unused', 'words', 'unit'];

test.each([
  [['docs/training.md', 'README.md'], ALWAYS],
  [['notebooks/01.ipynb'], [...ALWAYS, 'notebooks']],
  [['src/compile/loops/fit-loop.ts'], [...ALWAYS, 'tensorflow', 'keras']],
  [['test/faults/floods.test.ts'], [...ALWAYS, 'faults', 'growth']],
  [
    ['src/data/index.ts', 'src/compile/guards/user-code.ts'],
    [...ALWAYS, 'data', 'tensorflow', 'keras'],
  ],
  [['src/base/home.ts'], null],
  [['package.json'], null],
  [['kernel/contracts/messages.ts', 'docs/training.md'], null],
])('%j touches %j', (files, suites) => {
  expect(evaluate(`m.suitesOf(${JSON.stringify(files)}, ${JSON.stringify(KNOWN)})`)).toEqual(suites);
});

test('every path of the table exists, and every folder of sources is in it', () => {
  const paths = Object.keys(evaluate('m.SUITES') as object);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const folders = readdirSync(join(root, 'src')).map((name) => `src/${name}/`);
  expect(folders.filter((folder) => !paths.includes(folder))).toEqual([]);
});

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
const script = join(__dirname, '../../../scripts/check-unused.mjs');
const roots: string[] = [];

afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});

/** A folder with these files. */
function folder(files: Record<string, string>, dependencies: string[] = []): string {
  const root = mkdtempSync(join(tmpdir(), 'tensorcell-unused-'));
  roots.push(root);
  const pkg = {
    name: 'tensorcell',
    dependencies: Object.fromEntries(dependencies.map((name) => [name, '1.0.0'])),
  };
  for (const [file, text] of Object.entries({ 'package.json': JSON.stringify(pkg), ...files })) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

const A = 'src/a.ts';

/** Name, files, and what is found in them. */
type Case = [string, Record<string, string>, string[]];

const FOUND: Case[] = [
  ['a file', { [A]: 'export const a = 1;' }, ['src/a.ts: no file uses it']],
  [
    'an exported function',
    {
      [A]: 'export const a = 1;\nexport function b() {}\n',
      'test/a.test.ts': "import { a } from '../src/a.ts';",
    },
    ['src/a.ts:2: no other file imports b'],
  ],
  [
    'a value that only its own file uses',
    { [A]: 'export const a = 1;\nconsole.log(a);', 'test/a.test.ts': "import '../src/a.ts';" },
    ['src/a.ts:1: no other file imports a'],
  ],
  [
    'a type',
    { [A]: 'export type A = 1;', 'test/a.test.ts': "import '../src/a.ts';" },
    ['src/a.ts:1: no other file imports A'],
  ],
  [
    'a name that an index exports again',
    {
      [A]: 'export const a = 1; export const b = 2;',
      'src/index.ts': "export { a, b } from './a.ts';",
      'test/a.test.ts': "import { a } from '../src/index.ts';",
    },
    ['src/a.ts:1: no other file imports b', 'src/index.ts:1: no other file imports b'],
  ],
  [
    'a name behind export *',
    {
      [A]: 'export const a = 1; export const b = 2;',
      'src/index.ts': "export * from './a.ts';",
      'test/a.test.ts': "import { a } from '../src/index.ts';",
    },
    ['src/a.ts:1: no other file imports b'],
  ],
  [
    'a name that only a comment mentions',
    {
      [A]: 'export const a = 1;',
      'test/a.test.ts': "import '../src/a.ts';\n// import { a } from '../src/a.ts'",
    },
    ['src/a.ts:1: no other file imports a'],
  ],
  [
    'a name that no dynamic import takes',
    {
      [A]: 'export const a = 1; export const b = 2;',
      'test/a.test.ts': "const { a } = await import('../src/a.ts');",
    },
    ['src/a.ts:1: no other file imports b'],
  ],
  [
    'an import that package.json does not list',
    { 'test/a.test.ts': "import fs from 'node:fs';\nimport x from '@x/y/z';\nimport 'tensorcell-other';" },
    [
      'test/a.test.ts: package.json does not list @x/y',
      'test/a.test.ts: package.json does not list tensorcell-other',
    ],
  ],
];

const ACCEPTED: [string, Record<string, string>][] = [
  [
    'an import, of all, in types, in JSDoc',
    {
      [A]: 'export const a = 1;',
      'src/b.ts': 'export const b = 1; export const c = 2;',
      'src/c.ts': 'export interface C {}',
      'src/d.ts': 'export interface D {}',
      'test/a.test.ts':
        "import { a as other } from '../src/a.ts'; import * as all from '../src/b.ts'; type T = import('../src/c.ts').C;",
      'scripts/x.mjs': "// node scripts/x.mjs\n/** @typedef {import('../src/d.ts').D} D */",
    },
  ],
  [
    'a type in a signature of its own file',
    {
      [A]: 'export interface Options {}\nexport function a(options: Options) {}',
      'test/a.test.ts': "import { a } from '../src/a.ts';",
    },
  ],
  [
    'the path of a program in the build, next to it, and in segments',
    {
      'scripts/build.mjs': "// node scripts/build.mjs\nconst entries = ['src/a.ts'];",
      [A]: 'export const a = 1;',
      'test/child.ts': 'export const a = 1;',
      'test/other/peer.ts': 'export const a = 1;',
      'test/a.test.ts': "start('child.ts'); start(join(root, 'test', 'other', 'peer.ts'));",
    },
  ],
  [
    'an import in a patch of tfjs',
    {
      'src/tfjs/a.mjs': 'export const a = 1;',
      'scripts/tfjs-patches/x.patch': '+import { a } from "tensorcell:tfjs/a.mjs"',
    },
  ],
];

const IDLE = { 'test/a.test.ts': "import x from 'used/part';\nconst y = require.resolve('found');" };

/** Lines by the name of the case, from one process: jest cannot import the script's parser. */
let lines: Record<string, string[]> = {};

beforeAll(() => {
  const folders = Object.fromEntries([
    ...[...FOUND, ...ACCEPTED].map(([name, files]) => [name, folder(files)]),
    ['dependency', folder(IDLE, ['used', 'found', 'idle'])],
  ]);
  const code = `import { unused } from ${JSON.stringify(pathToFileURL(script).href)};
    const found = Object.entries(${JSON.stringify(folders)}).map(([name, root]) => [name, unused(root)]);
    console.log(JSON.stringify(Object.fromEntries(found)));`;
  lines = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }),
  ) as typeof lines;
});

test.each(FOUND)('finds %s', (name, _, expected) => {
  expect(lines[name]).toEqual(expected);
});

test('finds a dependency that no file uses', () => {
  expect(lines['dependency']).toEqual(['package.json: no file uses idle']);
});

test.each(ACCEPTED)('accepts %s', (name) => {
  expect(lines[name]).toEqual([]);
});

test('the command fails with each line, and passes without one', () => {
  const run = (files: Record<string, string>): [number | null, string] => {
    const { status, stdout } = spawnSync(process.execPath, [script, '--root', folder(files)], {
      encoding: 'utf8',
    });
    return [status, stdout];
  };
  expect(run({ [A]: '' })).toEqual([1, expect.stringMatching(/^src\/a\.ts: no file uses it\n1 unused: /)]);
  expect(run({ 'test/a.test.ts': '' })).toEqual([0, '']);
});

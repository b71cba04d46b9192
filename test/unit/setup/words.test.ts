import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const script = join(__dirname, '../../../scripts/check-words.mjs');
const roots: string[] = [];

afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});

function write(root: string, files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

/** A folder with these files. */
function folder(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'tensorcell-words-'));
  roots.push(root);
  mkdirSync(join(root, 'scripts'));
  write(root, files);
  return root;
}

function check(root: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--root', root, ...args], {
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

/** What --list finds in the files: `file:line construction` each. */
function found(files: Record<string, string>): string[] {
  const { status, out, err } = check(folder(files), '--list');
  expect([status, err]).toEqual([0, '']);
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('  ').slice(0, 2).join(' '));
}

test('each construction is found in Markdown, a comment, a message and a test title', () => {
  const sentences: [string, string][] = [
    ['who-subject', 'Who knows Python may begin here.'],
    ['what-subject', 'What is left stays in the folder.'],
    ['nobody', 'A file that nobody reads.'],
    ['nobody', 'Whoever runs it.'],
    ['he', 'The user says that he is done.'],
    ['of-its-own', 'It has a process of its own.'],
    ['of-its-own', 'A process of ours.'],
    ['says-so', 'The kernel says so once.'],
    ['beside', 'It runs beside the kernel.'],
    ['hangs-on', 'That hangs on time.'],
    ['asked-for', 'The file was asked for.'],
    ['stands-under', 'It stands under the chart.'],
    ['let-go', 'The memory is let go.'],
    ['goes-round', 'It goes round the check.'],
    ['at-hand', 'No GPU was at hand.'],
    ['no-number', 'The loss is no number.'],
    ['op-by-op', 'It runs op by op.'],
    ['way-back', 'On the way back it is added.'],
    ['processor', 'It uses each processor.'],
    ['crossing', 'The dtype crosses.'],
    ['passed-over', 'The card is passed over.'],
    ['missing-kernels', 'A missing kernel is added.'],
    ['aside', 'It compiles aside.'],
  ];
  const text = (line: (sentence: string) => string) =>
    sentences.map(([, sentence]) => line(sentence)).join('\n');
  const at = (file: string) => sentences.map(([name], index) => `${file}:${index + 1} ${name}`);
  expect(
    found({
      'docs/page.md': text((sentence) => `- ${sentence}`),
      'src/comments.ts': text((sentence) => `/** ${sentence} */ export {};`),
      'src/messages.ts': text((sentence) => `f(\`\${value}: \${other}. ${sentence}\`);`),
      'test/titles.test.ts': text((sentence) => `test('${sentence}', () => {});`),
    }),
  ).toEqual([
    ...at('docs/page.md'),
    ...at('src/comments.ts'),
    ...at('src/messages.ts'),
    ...at('test/titles.test.ts'),
  ]);
});

test('a phrase that continues on the next line is found at its first line', () => {
  expect(
    found({
      'page.md': '# Title\n\nThe steps run op\nby op.\n',
      'src/line.ts': 'const a = 1;\n// The steps run op\n// by op.\n',
      'src/block.ts': '/**\n * The steps run op\n * by op.\n */\nexport {};\n',
      'src/string.mjs': 'export const text = `The steps run op\n  by op.`;\n',
    }),
  ).toEqual([
    'page.md:3 op-by-op',
    'src/block.ts:2 op-by-op',
    'src/line.ts:2 op-by-op',
    'src/string.mjs:1 op-by-op',
  ]);
});

test('code, questions, headings, links and cells of tests are not prose', () => {
  const files = {
    'page.md': [
      '# What a cell can do',
      'What do you see? Who reads it?',
      'Run `beside op by op`, see [it](beside.md) and <https://beside.example/aside>.',
      '```sh',
      'nobody let go aside',
      '```',
      '<!-- aside -->',
      'Cross-entropy, cross entropy, `asked` for, besides, the sheen.',
      '',
    ].join('\n'),
    'src/code.ts': [
      'const nobody = beside + aside; const he = processor / 2 / his;',
      'const pattern = /he said "op by op"/;',
      "import x from './beside/aside.ts';",
      "f('he', 'beside', { aside: 'let-go' }, `${he.his(beside)} done`);",
      '// See `beside`, {@link nobody}.',
      "const escaped = 'it\\'s'; /* 'fine' */",
      '',
    ].join('\n'),
    'src/types.ts': 'export type A = <T>(he: T) => he is string; // fine\n',
    'test/cells.test.ts': "test('runs', () => run('a cell that nobody reads, op by op'));\n",
    'test/fixtures/other.md': 'nobody\n',
    'node_modules/x/README.md': 'nobody\n',
    '.cache/y.md': 'nobody\n',
    'dist/README.md': 'nobody\n',
    'dist.77.new/notebooks/README.md': 'nobody\n',
  };
  expect(found(files)).toEqual([]);
});

test('comments, docstrings and messages of Python are prose, and strings of its tests are not', () => {
  const module = [
    '#!/usr/bin/env python3',
    '"""The module that nobody',
    'reads: "quoted"."""',
    "name = 'asked'  # It runs op",
    '# by op.',
    "raise ValueError('it\\'s \"the\" file that nobody reads')",
    "nobody = beside['he']",
    '',
  ].join('\n');
  const expected = ['2 nobody', '4 op-by-op'];
  expect(found({ 'src/a.py': module, 'test/b.py': module })).toEqual([
    ...expected.map((each) => `src/a.py:${each}`),
    'src/a.py:6 nobody',
    ...expected.map((each) => `test/b.py:${each}`),
  ]);
});

test('titles of nested, parametrised and inner tests are read, and Markdown cells of notebooks', () => {
  const cells = [
    { cell_type: 'code', source: ['// nobody reads code cells'] },
    { cell_type: 'markdown', source: ['Fine.\n', 'Nobody else.'] },
  ];
  expect(
    found({
      'notebooks/a.ipynb': JSON.stringify({ cells }),
      'test/a.test.ts': [
        "describe('what nobody says', () => {",
        "  test.each([[1]])('case %s that nobody counts', () => {});",
        "  test('outer', (t) => t.test('inner that nobody sees', () => {}));",
        '});',
      ].join('\n'),
    }),
  ).toEqual([
    'notebooks/a.ipynb:2 nobody',
    'test/a.test.ts:1 what-subject',
    'test/a.test.ts:1 nobody',
    'test/a.test.ts:2 nobody',
    'test/a.test.ts:3 nobody',
  ]);
});

test('the check fails when a count rises, and when the allow list is higher; --shrink only lowers the list', () => {
  const root = folder({ 'a.md': 'nobody, nobody\n', 'b.md': 'aside\n' });
  const list = () => JSON.parse(readFileSync(join(root, 'scripts/words-allowed.json'), 'utf8')) as unknown;
  expect(check(root, '--shrink')).toMatchObject({ status: 0, err: '' });
  expect(list()).toEqual({ 'a.md': { nobody: 2 }, 'b.md': { aside: 1 } });
  expect(check(root)).toMatchObject({ status: 0, err: '' });

  write(root, { 'b.md': 'aside\n\nbeside\n\nand aside\n' });
  const risen = check(root);
  expect(risen.status).toBe(1);
  expect(risen.err).toContain('b.md: aside 2, allowed 1; write ');
  expect(risen.err).toContain('  b.md:3  beside');
  expect(check(root, '--shrink').status).toBe(1);
  expect(list()).toEqual({ 'a.md': { nobody: 2 }, 'b.md': { aside: 1 } });

  write(root, { 'a.md': 'nobody\n', 'b.md': 'aside\n' });
  const fallen = check(root);
  expect(fallen.status).toBe(1);
  expect(fallen.err).toContain('allows 1 more than there are: run npm run words -- --shrink');
  expect(check(root, '--shrink')).toMatchObject({ status: 0, err: '' });
  expect(list()).toEqual({ 'a.md': { nobody: 1 }, 'b.md': { aside: 1 } });
});

test('a file that moves takes what it was allowed with it, and no more', () => {
  const root = folder({ 'old.md': 'nobody\n' });
  expect(check(root, '--shrink').status).toBe(0);
  rmSync(join(root, 'old.md'));
  write(root, { 'new/page.md': 'nobody\n' });
  expect(check(root).status).toBe(1);
  expect(check(root, '--shrink')).toMatchObject({ status: 0, err: '' });
  expect(check(root).status).toBe(0);
  write(root, { 'other.md': 'nobody\n' });
  expect(check(root, '--shrink').status).toBe(1);
});

test('code that cannot be parsed is an error that names the file', () => {
  const { status, err } = check(folder({ 'src/broken.ts': 'const = 1; // nobody\n' }));
  expect(status).toBe(1);
  expect(err).toContain('src/broken.ts cannot be parsed');
});

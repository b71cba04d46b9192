import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompileFailure, TestSession } from './session.ts';

const MAGICS = ['who', 'time', 'cd', 'env'];
const session = (): TestSession =>
  new TestSession({
    knownMagics: () => MAGICS,
    magics: (name, line) => (name === 'env' ? `value of ${line}` : undefined),
  });

/** The calls of a cell's magics, and the value of the last cell. */
const table: [what: string, cells: string[], log: string[], result: unknown][] = [
  ['a magic', ['%who'], ['who '], undefined],
  ['a magic with arguments', ['%cd  some where '], ['cd some where'], undefined],
  ['the value of a magic', ['%env HOME'], ['env HOME'], 'value of HOME'],
  ['a command', ['!ls -la | wc'], ['! ls -la | wc'], undefined],
  ['a command over lines', ['!echo a \\\n  b\n1'], ['! echo a \\\n  b'], 1],
  ['between statements', ['let a = 1\n%who\na++\n!pwd\na'], ['who ', '! pwd'], 2],
  [
    'behind a line without a semicolon',
    ['const a = 5\n%cd x\nconst b = a\n!ls\n;[b]'],
    ['cd x', '! ls'],
    [5],
  ],
  ['indented, in blocks', ['if (true) {\n  %who a\n} else {\n  !ls\n}'], ['who a'], undefined],
  ['as the body of an if', ['if (false)\n  !ls\nelse\n  !pwd\n2'], ['! pwd'], 2],
  ['in loops', ['for (let i = 0; i < 2; i++) {\n  %cd x\n}'], ['cd x', 'cd x'], undefined],
  ['in an async function', ['async function f() {\n  %who\n}\nawait f()'], ['who '], undefined],
  ['in an arrow function', ['const f = async () => {\n  !ls\n  return 1\n}\nawait f()'], ['! ls'], 1],
  ['a remainder goes on', ['let a = 7, b = 4', 'a\n%b'], [], 3],
  ['a remainder of a name that is a magic, in parentheses', ['let a = 7, who = 4', '(a\n%who)'], [], 3],
  ['a remainder in a call', ['let a = 7, who = 4', 'Math.abs(\na\n%who\n)'], [], 3],
  ['in a template', ['`\n%who\n!ls\n`'], [], '\n%who\n!ls\n'],
  ['in a comment', ['/*\n%who\n!ls\n*/ 1'], [], 1],
  ['in a line comment', ['// x\n// %who\n1'], [], 1],
  ['in a template beside a real one', ['const t = `\n%who\n`\n%cd y\nt'], ['cd y'], '\n%who\n'],
  ['an unknown magic where no remainder can stand', ['let a = 1;\n%nope x y'], ['nope x y'], undefined],
  ['an unknown magic alone', ['%nope'], ['nope '], undefined],
  ['a negation', ['let a = true', '!a'], ['! a'], undefined],
  ['a negation of parentheses', ['let a = true', '!(a)'], [], false],
  ['a negation of a call', ['const f = () => true', '!f()'], [], false],
  ['a negation of a method', ['const o = { f: () => 0 }', '!o.f()'], [], true],
  ['two negations', ['let a = 1', '!!a'], [], true],
  ['a negation in an expression', ['let a = true', 'const b =\n!a\nb'], [], false],
  ['a function that is called at once', ['!function () {}()'], [], true],
  ['%time of a declaration', ['%time const a = 1 + 1\na', 'a'], ['start', 'end'], 2],
  ['%time of an expression', ['let a = 1', '%time a + 1'], ['start', 'end'], 2],
  ['%time over lines', ['%time const a = [\n  1,\n].map((x) => {\n  return x\n})\na'], ['start', 'end'], [1]],
  ['%time of an await', ['%time await Promise.resolve(3)'], ['start', 'end'], 3],
  [
    '%time among others',
    ['let n = 0\n%time for (let i = 0; i < 3; i++) n += i\n%time n++\n%who\nn'],
    ['start', 'end', 'start', 'end', 'who '],
    4,
  ],
  ['%time with types', ['%time const a: number = 1 as any\na'], ['start', 'end'], 1],
  ['Windows line ends', ['let a = 1\r\n%who a\r\n!ls x\r\na\r\n'], ['who a', '! ls x'], 1],
  ['quotes', ['!echo "a\'b`c${d}" \\n'], ['! echo "a\'b`c${d}" \\n'], undefined],
];

for (const [what, cells, log, result] of table)
  test(what, async () => {
    const run = session();
    assert.deepEqual([await run.last(...cells), run.log], [result, log]);
  });

test('a magic in a function that is not async is an error that names the reason', () => {
  assert.throws(
    () => session().compile('function f() {\n  !ls -la\n}'),
    (error) =>
      error instanceof CompileFailure &&
      error.message === '!ls -la can only be used in an async function' &&
      error.line === 2,
  );
});

test('%time without a statement is an error that names the reason', () => {
  assert.throws(() => session().compile('%time\n1'), /%time needs a statement after it on the same line/);
});

test('an error in a cell with a magic is still found', () => {
  assert.throws(
    () => session().compile('%who\nlet x = ;\n%cd a'),
    (error) => error instanceof CompileFailure && error.line === 2 && error.column === 9,
  );
});

test('split tells magics of lines and cells', () => {
  const { compiler } = session();
  assert.deepEqual(
    ['%%bash -x\nls\n%who\n', '%%time', '\n\n%%html\n<a>', '1\n  %who a b\n!ls', '`\n%who\n`', '1 + 1'].map(
      (source) => compiler.split(source),
    ),
    [
      { kind: 'cell-magic', name: 'bash', line: '-x', body: 'ls\n%who\n' },
      { kind: 'cell-magic', name: 'time', line: '', body: '' },
      { kind: 'cell-magic', name: 'html', line: '', body: '<a>' },
      {
        kind: 'code',
        magics: [
          { name: 'who', line: 'a b', at: { line: 1, column: 2 }, interpolates: false },
          { name: '!', line: 'ls', at: { line: 2, column: 0 }, interpolates: false },
        ],
      },
      { kind: 'code', magics: [] },
      { kind: 'code', magics: [] },
    ],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originalPositionFor, sourceContentFor, TraceMap } from '@jridgewell/trace-mapping';
import { TestSession } from './session.ts';

/** Cells whose last one throws at the place behind the mark. */
const table: [what: string, cells: string[]][] = [
  ['the first line', ['/*!*/null.x'.replace('/*!*/null.', 'null./*!*/')]],
  ['a later line', ['const a = 1\n\nlet b = a; throw /*!*/new Error()']],
  ['behind declarations on the same line', ['let a = 1, b = 2; const c = () => a++; c(); /*!*/nope']],
  [
    'in a function',
    [
      'let a = 1\nfunction f() {\n  a++; return a./*!*/x.y\n}\nf()'.replace(
        'a./*!*/x.y',
        '(a as any).x./*!*/y',
      ),
    ],
  ],
  ['in a function of an earlier cell', ['const f = (x: any) => x./*!*/nothing()', 'f(1)']],
  [
    'behind removed types',
    [
      'const f = (x: { a: number; b: string }, y?: Map<string, number[]>): void => { (x as any)./*!*/y.z() }\nf({ a: 1, b: "" })'.replace(
        '/*!*/y.z',
        'y./*!*/z',
      ),
    ],
  ],
  ['behind removed statements', ['interface A {\n  x: number\n}\ntype B = A;\n\nthrow /*!*/new Error()']],
  ['behind a rewritten assignment', ['let a: any = 1', 'a += 1; a = a.x./*!*/y']],
  [
    'behind a rewritten destructuring',
    ['let a: any, b: any', '[a, b] = [1, 2]; ({ a } = (b as any).x./*!*/y)'],
  ],
  ['in an import', ["import { sep } from 'node:path'\nsep./*!*/nothing()"]],
  ['behind an await', ['let a = 1', 'await Promise.resolve(); a++; throw /*!*/new Error()']],
  ['behind characters of two code units', ['const s = "😀😀ä"; throw /*!*/new Error(s)']],
  ['behind a magic', ['%who\n!ls\nlet a = 1\n  ; throw /*!*/new Error()']],
  ['in a timed statement', ['%time throw /*!*/new Error()']],
  ['Windows line ends', ['let a = 1\r\na++\r\nthrow /*!*/new Error()']],
  ['an object as a cell', ['{ a: 1,\n b: /*!*/nope }']],
  ['an object on one line', ['{ b: /*!*/nope }']],
  [
    'a lowered cell',
    [
      'enum E { A }\nclass P { constructor(private x: any) {} f() { return this.x./*!*/y() } }\nnew P({}).f()',
    ],
  ],
  ['a lowered cell, top level', ['enum E {\n  A,\n}\nlet a: any = E.A\nthrow /*!*/new Error()']],
  ['a lowered cell with a magic', ['%who a\nenum E { A }\n%time throw /*!*/new Error()']],
  [
    'a call of what a later cell declares',
    ['const f = () => { /*!*/g<number>(1) }', 'let g: any = 1', 'f()'],
  ],
  ['a call of a variable of an earlier cell', ['let f: any = 1', 'const g = () => 1 + /*!*/f (2)\ng()']],
  ['a call of an imported name', ["import { sep } from 'node:path'\nconst a = [(/*!*/sep as any)(1)]"]],
  ['a field', ['class A {\n  x = /*!*/nope\n}\nnew A()']],
  [
    'a class that is constructed',
    ['let C: any = class { constructor() { throw /*!*/new Error() } }', 'new C()'],
  ],
];

for (const [what, cells] of table)
  test(`position: ${what}`, async () => {
    const session = new TestSession({ knownMagics: () => ['who', 'time'] });
    const maps = new Map<string, string>();
    const marked = cells.findIndex((cell) => cell.includes('/*!*/'));
    const source = cells[marked] ?? '';
    const before = source.slice(0, source.indexOf('/*!*/') + '/*!*/'.length).split('\n');
    let error: unknown;
    for (const cell of cells) {
      const run = await session.run(cell);
      maps.set(run.cell.filename, run.cell.map);
      error = run.error;
    }
    const filename = `cell ${marked + 1}`;
    const frame = new RegExp(`${filename}:(\\d+):(\\d+)`).exec((error as Error).stack ?? '');
    assert.ok(frame, `no frame of ${filename} in ${(error as Error).stack}`);
    const map = new TraceMap(maps.get(filename) ?? '');
    const { line, column } = originalPositionFor(map, {
      line: Number(frame[1]),
      column: Number(frame[2]) - 1,
    });
    assert.deepEqual({ line, column }, { line: before.length, column: before.at(-1)?.length });
    assert.equal(sourceContentFor(map, filename), source);
  });

/** Help for people who come from Python: what counts as a typing error, and that the notebooks' cells get none. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCellCompiler } from '../../kernel/language/compile/index.ts';
import { likelyTypo, nearestKnown, syntaxHint } from '../../kernel/slips/index.ts';

const notebooks = join(import.meta.dirname, '..', '..', 'notebooks');

function cellsOf(file: string): string[] {
  const { cells } = JSON.parse(readFileSync(file, 'utf8')) as {
    cells: { cell_type: string; source: string | string[] }[];
  };
  return cells
    .filter(({ cell_type }) => cell_type === 'code')
    .map(({ source }) => (Array.isArray(source) ? source.join('') : source));
}

test('no cell of a notebook gets help or declares by assignment', () => {
  let count = 0;
  const files = readdirSync(notebooks, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ipynb') && !name.includes('checkpoint'),
  );
  for (const name of files) {
    const compiler = createCellCompiler({ declares: () => true });
    for (const [index, source] of cellsOf(join(notebooks, name)).entries()) {
      if (compiler.split(source).kind === 'cell-magic') continue;
      const result = compiler.compile(source, index + 1);
      // Some cells show an error on purpose.
      if (!result.ok) continue;
      count++;
      assert.deepEqual(result.slips, undefined, `${name}: ${source}`);
      compiler.commit(
        index + 1,
        result.cell.bindings.map((binding) => binding.name),
      );
    }
  }
  assert.ok(count >= 90, `${count} cells`);
});

test('an assigned name is a typing error where fingers err, and a separate name otherwise', () => {
  const errors: [typed: string, known: string][] = [
    ['coutn', 'count'],
    ['cuont', 'count'],
    ['totl', 'total'],
    ['weigths', 'weights'],
    ['lerningRate', 'learningRate'],
    ['learningRtae', 'learningRate'],
    ['acuraccy', 'accuracy'],
    ['bacthSize', 'batchSize'],
    ['dtaa', 'data'],
    ['dta', 'data'],
    ['modle', 'model'],
  ];
  for (const [typed, known] of errors) assert.equal(likelyTypo(typed, ['other', known]), known, typed);
  const own: [name: string, known: string][] = [
    ['x2', 'x1'],
    ['ys', 'xs'],
    ['labels', 'label'],
    ['label', 'labels'],
    ['url', 'URL'],
    ['array', 'Array'],
    ['event', 'Event'],
    ['Model', 'model'],
    ['row', 'raw'],
    ['date', 'data'],
    ['test', 'text'],
    ['loss', 'lost'],
    ['train_x', 'train_y'],
    ['xTrain', 'yTrain'],
    ['x_train', 'y_train'],
    ['modelA', 'modelB'],
    ['minValue', 'maxValue'],
    ['model2', 'model'],
    ['layer10', 'layer9'],
    ['processed', 'process'],
    ['testImages', 'trainImages'],
    ['batch', 'match'],
    ['aB', 'ab'],
    ['trainX1', 'trainY1'],
  ];
  for (const [name, known] of own) assert.equal(likelyTypo(name, [known]), undefined, `${name}, ${known}`);
});

test('a name that is not defined finds the nearest one, of equals the first', () => {
  const known = ['model', 'model2', 'learningRate', 'xs', 'log', 'layers', 'LayerVariable', 'total'];
  const cases: [typed: string, found: string | undefined][] = [
    ['modle', 'model'],
    ['Model', 'model'],
    ['learning', 'learningRate'],
    ['layer', 'layers'],
    ['lg', 'log'],
    ['totals', 'total'],
    ['ys', undefined],
    ['x', undefined],
    ['elephant', undefined],
  ];
  for (const [typed, found] of cases) assert.equal(nearestKnown(typed, known), found, typed);
});

test('mistakes of TypeScript get no help of Python', () => {
  const mistakes = [
    'const a = [1, 2',
    'const a = { b: 1, c: 2 }}',
    'foo(1, 2));',
    'const text = "black and white" + ;',
    'const text = `this is not ${a b}`',
    '// an or not and\nlet = 5',
    'const s = "a # b" +',
    'class A { #x = 1; y = }',
    'switch (a) {\n  case 1:\n    f(;\n}',
    'const o = {\n  a: 1,\n  b:\n}',
    'function f(a: number b: string) {}',
    'const g = (x => x;',
    'type T = { a: string; b: }',
    'let x: number[ = []',
    'for (const x of xs {\n}',
    'if (a {\n}',
    'while (true) {',
    'const p = await ;',
    'return 1 +',
    'let a = 1\nlet a = 2',
    'import { a from "x"',
    'const r = /a(/',
    'x ? y',
    'abc def ghi',
    'export const = 1',
    'async () => { await }}',
    'const q = a ?? b || c',
    'label: for (;;) { break labl }',
  ];
  for (const source of mistakes)
    for (let offset = 0; offset <= source.length; offset++)
      assert.equal(syntaxHint(source, offset), undefined, `${source} at ${offset}`);
});

test('help with syntax takes time in proportion to the text, and looks at the line of the mistake', () => {
  const hard = [
    'a and ',
    '"',
    "'a ",
    '{',
    'for x in ',
    'if a else ',
    '[ for ',
    'lambda ',
    '/*',
    '\n',
    '\\"',
    '`${',
  ];
  for (const part of hard) {
    const source = part.repeat(3_000_000 / part.length);
    for (const offset of [0, source.length / 2, source.length]) syntaxHint(source, Math.floor(offset));
  }
  const padding = 'const fine = 1\n'.repeat(50_000);
  assert.match(syntaxHint(`${padding}def f(x):\n  return x`, padding.length + 4)!, /`function f/);
});

/** Completion while typing, from the real server. `[cur]` marks the cursor. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openSession, type TestSession } from './session.ts';

let session: TestSession;
before(async () => {
  session = openSession();
  session.write(
    'lib/helper.ts',
    'export const alpha = 1;\nexport function alphabet(): string { return "" }\n',
  );
  session.write('data.json', '{ "rows": [1] }');
  session.write('node_modules/my-package/package.json', '{ "name": "my-package", "types": "index.d.ts" }');
  session.write('node_modules/my-package/index.d.ts', 'export declare const one: 1;');
  session.write('package.json', '{ "dependencies": { "my-package": "*" } }');
  await session.cell(
    'const zebra = { stripes: 12, legs: { front: 2, back: 2 } };\nlet zone: string | undefined;\n' +
      'class Zoo { animals: string[] = []; open(day: "monday" | "tuesday"): void {} }\n' +
      'const zoo = new Zoo();\nenum Zest { Mild, Hot }\ninterface ZipCode { digits: string }\nfunction zap(power: number) {}',
  );
});
after(() => session.close());

test('members of an array', async () => {
  const { items, start, end } = await session.complete('[1,2,3].[cur]');
  assert.equal(items.length >= 30, true, `${items.length} items`);
  assert.deepEqual([start, end], [8, 8]);
  assert.deepEqual(
    items
      .filter(({ text }) => ['length', 'map', 'toSorted'].includes(text))
      .map(({ text, type }) => `${text} ${type}`),
    ['length property', 'map method', 'toSorted method'],
  );
});

test('members that begin with what was typed, whatever the case', async () => {
  assert.deepEqual(await session.complete('"text".toLo[cur]'), {
    items: [
      { text: 'toLocaleLowerCase', type: 'method' },
      { text: 'toLocaleUpperCase', type: 'method' },
      { text: 'toLowerCase', type: 'method' },
    ],
    start: 7,
    end: 11,
    texts: ['toLocaleLowerCase', 'toLocaleUpperCase', 'toLowerCase'],
  });
  assert.deepEqual((await session.complete('"text".tolow[cur]')).texts, ['toLowerCase']);
});

test('names of earlier cells, with the icon of their kind', async () => {
  const { items, start, end } = await session.complete('// 😀 two code units\nz[cur] + 1');
  assert.deepEqual(items, [
    { text: 'zap', type: 'function', signature: '(power: number): void' },
    {
      text: 'zebra',
      type: 'variable',
      signature: '{ stripes: number; legs: { front: number; back: number; }; }',
    },
    { text: 'zone', type: 'variable', signature: 'string | undefined' },
    { text: 'zoo', type: 'variable', signature: 'Zoo' },
    { text: 'Zest', type: 'enum' },
    { text: 'Zoo', type: 'class' },
  ]);
  assert.deepEqual((await session.complete('let code: Zi[cur]')).items, [
    { text: 'ZipCode', type: 'interface' },
  ]);
  assert.deepEqual([start, end], [21, 22]);
});

test('members of what earlier cells made', async () => {
  assert.deepEqual((await session.complete('zebra.legs.[cur]')).texts, ['back', 'front']);
  assert.deepEqual((await session.complete('zoo.[cur]')).texts, ['animals', 'open']);
  assert.deepEqual((await session.complete('Zest.[cur]')).texts, ['Hot', 'Mild']);
});

test('a possibly undefined value completes through ?.', async () => {
  const { items, start } = await session.complete('zone.toUpper[cur]');
  assert.deepEqual(items, [{ text: '?.toUpperCase', type: 'method' }]);
  assert.equal(start, 4);
});

test('literals of a union in a string', async () => {
  assert.deepEqual(await session.complete('zoo.open("[cur]")'), {
    items: [
      { text: 'monday', type: 'constant' },
      { text: 'tuesday', type: 'constant' },
    ],
    start: 10,
    end: 10,
    texts: ['monday', 'tuesday'],
  });
  assert.deepEqual((await session.complete("zoo.open('tu[cur]")).texts, ['tuesday']);
});

test('keys of an object that is being written', async () => {
  const { texts } = await session.complete('tf.layers.dense({ un[cur]');
  assert.deepEqual(texts, ['units']);
  assert.deepEqual((await session.complete('const o: ZipCode = { [cur] }')).texts, ['digits']);
  assert.deepEqual((await session.complete('zebra["[cur]"]')).texts, ['legs', 'stripes']);
});

test('tf and its types', async () => {
  assert.deepEqual((await session.complete('tf.layers.conv2d[cur]')).texts, ['conv2d', 'conv2dTranspose']);
  assert.deepEqual((await session.complete('let t: tf.Tensor1[cur]')).items, [
    { text: 'Tensor1D', type: 'type', signature: 'tf.Tensor<tf.Rank.R1>' },
  ]);
});

test('imports: packages, Node, paths, exported names', async () => {
  assert.deepEqual((await session.complete('import x from "my-[cur]"')).items, [
    { text: 'my-package', type: 'module' },
  ]);
  assert.deepEqual((await session.complete('import x from "node:fs[cur]"')).texts, [
    'node:fs',
    'node:fs/promises',
  ]);
  assert.deepEqual((await session.complete('import x from "./[cur]"')).items, [
    { text: 'data.json', type: 'path' },
    { text: 'lib', type: 'path' },
    { text: 'node_modules', type: 'path' },
    { text: 'package.json', type: 'path' },
  ]);
  assert.deepEqual(await session.complete('import x from "./lib/he[cur]"'), {
    items: [{ text: 'helper.ts', type: 'path' }],
    start: 21,
    end: 23,
    texts: ['helper.ts'],
  });
  assert.deepEqual((await session.complete('import { al[cur] } from "./lib/helper.ts"')).texts, [
    'alpha',
    'alphabet',
  ]);
  assert.deepEqual((await session.complete('import { o[cur] } from "my-package"')).texts, ['one']);
});

test('keywords come when something is typed, and only those that a cell may hold', async () => {
  assert.deepEqual((await session.complete('whi[cur]')).items, [{ text: 'while', type: 'keyword' }]);
  assert.deepEqual(
    (await session.complete('[cur]')).items.filter(({ type }) => type === 'keyword'),
    [],
  );
  assert.equal(
    (await session.complete('[cur]')).texts.some((text) => text.startsWith('__')),
    false,
  );
});

test('names that the cell itself declares, also when it has mistakes', async () => {
  assert.deepEqual((await session.complete('const zebra = "s"; if (\nzebra.toLowerC[cur]')).texts, [
    'toLowerCase',
  ]);
  assert.deepEqual((await session.complete('for (const zed of [1]) {\n  if (ze[cur]')).texts, [
    'zebra',
    'zed',
    'Zest',
  ]);
});

test('in JSX', async () => {
  assert.deepEqual((await session.complete('const e = <div>{zebra.st[cur]}</div>')).texts, ['stripes']);
});

test('lines of the kernel are left to it', async () => {
  assert.deepEqual((await session.complete('%wh[cur]')).items.length, 0);
  assert.deepEqual((await session.complete('zebra.legs\n!ls z[cur]')).items, []);
  assert.deepEqual((await session.complete('%who\nzebra.st[cur]')).texts, ['stripes']);
  assert.deepEqual((await session.complete('%%bash\nz[cur]')).items, []);
});

test('nothing is evaluated: a getter that would throw completes by its type', async () => {
  await session.cell('const trap = { get bomb(): { fuse: 1 } { throw new Error("evaluated") } }');
  assert.deepEqual((await session.complete('trap.bomb.[cur]')).texts, ['fuse']);
});

test('a completion that another one overtakes is dropped', async () => {
  const [stale, fresh] = await Promise.all([session.complete('zebra.[cur]'), session.complete('zoo.[cur]')]);
  assert.deepEqual(stale.texts, []);
  assert.deepEqual(fresh.texts, ['animals', 'open']);
});

test('names with other scripts and private members', async () => {
  await session.cell(
    'const größe = { höhe: 1 }; const 数据 = [1]; class P { #secret = 1; open() { return 1 } }',
  );
  assert.deepEqual((await session.complete('größ[cur]')).items, [
    { text: 'größe', type: 'variable', signature: '{ höhe: number; }' },
  ]);
  assert.deepEqual((await session.complete('größe.h[cur]')).texts, ['höhe']);
  assert.deepEqual((await session.complete('数[cur]')).texts, ['数据']);
  assert.deepEqual((await session.complete('class Q { #secret = 1; f() { this.#se[cur] } }')).texts, [
    '#secret',
  ]);
});

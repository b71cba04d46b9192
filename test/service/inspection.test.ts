/** Inspection: hover and signature help, from the real server. `[cur]` marks the cursor. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openSession, type TestSession } from './session.ts';

let session: TestSession;
before(async () => {
  session = openSession();
  await session.cell(
    '/**\n * Adds two numbers.\n * @param left the first\n * @param right the *second*\n * @returns the sum\n */\n' +
      'function add(left: number, right: number): number { return left + right }\n' +
      'const model = { layers: [{ name: "a", units: 3 }], deep: { er: { value: 1 } } };\nclass Net<T> { /** Weights. */ w!: T }\n' +
      'function over(a: string): string; function over(a: number, b: boolean): number; function over(a: any) { return a }',
  );
});
after(() => session.close());

test('a function of an earlier cell: signature and documentation', async () => {
  assert.deepEqual(await session.inspect('ad[cur]d(1, 2)'), {
    markdown:
      '```typescript\nfunction add(left: number, right: number): number\n```\nAdds two numbers.\n\n' +
      '*@param* `left` — the first\n\n*@param* `right` — the *second*\n\n*@returns* — the sum',
    text:
      'function add(left: number, right: number): number\nAdds two numbers.\n\n' +
      '@param left — the first\n\n@param right — the second\n\n@returns — the sum',
    path: 'add',
  });
});

test('members carry the dotted path, so that the value can be looked up', async () => {
  assert.deepEqual(await session.inspect('model.deep.er.val[cur]ue'), {
    markdown: '```typescript\n(property) value: number\n```',
    text: '(property) value: number',
    path: 'model.deep.er.value',
  });
  assert.equal((await session.inspect('model.de[cur]ep.er'))?.path, 'model.deep');
  assert.equal((await session.inspect('model.layers[0].na[cur]me'))?.path, undefined);
  assert.equal((await session.inspect('"text".len[cur]gth'))?.path, undefined);
  assert.equal((await session.inspect('model[cur]'))?.path, 'model');
});

test('a class and a variable of an earlier cell', async () => {
  assert.equal((await session.inspect('Ne[cur]t'))?.text, 'class Net<T>');
  assert.equal(
    (await session.inspect('mo[cur]del'))?.text,
    'const model: {\n    layers: {\n        name: string;\n        units: number;\n    }[];\n    deep: {\n        er: {\n            value: number;\n        };\n    };\n}',
  );
});

test('inside a call: the signature, and the parameter that is typed', async () => {
  assert.deepEqual(await session.inspect('add(1, [cur])'), {
    markdown:
      '```typescript\nadd(left: number, right: number): number\n```\n' +
      'Parameter: **`right: number`** — the *second*\n\nAdds two numbers.',
    text: 'add(left: number, right: number): number\nParameter: right: number — the second\n\nAdds two numbers.',
  });
  assert.match((await session.inspect('add([cur]'))!.text, /Parameter: left: number — the first/);
});

test('overloads are counted', async () => {
  assert.equal(
    (await session.inspect('over(1, [cur]'))?.text,
    'over(a: number, b: boolean): number\nParameter: b: boolean\n\nand 1 other form',
  );
});

test('tf is documented', async () => {
  const inspection = await session.inspect('tf.ten[cur]sor([1, 2])');
  assert.equal(inspection?.path, 'tf.tensor');
  assert.match(inspection.text, /^function tensor<tf\.Rank>\(values: tf\.TensorLike/);
  assert.match(inspection.text, /Creates a tf\.Tensor with the provided values, shape and dtype\./);
  assert.match(
    (await session.inspect('tf.layers.dense([cur]'))!.text,
    /^dense\(args: .*DenseLayerArgs\): .*Dense/,
  );
});

test('text that is no name has no inspection', async () => {
  assert.equal(await session.inspect('1 [cur]+ 2'), undefined);
  assert.equal(await session.inspect('%wh[cur]o'), undefined);
  assert.equal(await session.inspect('[cur]'), undefined);
  assert.equal(await session.inspect('nothingOfThatName[cur]'), undefined);
});

/** Type errors of cells, from the real server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openSession, type TestSession } from './session.ts';

let session: TestSession;
before(() => {
  session = openSession();
  session.service.start();
});
after(() => session.close());

test('an error names line and column of the cell, and says what is wrong', async () => {
  assert.deepEqual(await session.cell('const a = 1;\n\nconst b: string = a;'), [
    "3:7 2322 Type 'number' is not assignable to type 'string'.",
  ]);
});

test('declarations of an earlier cell have their types in later cells', async () => {
  assert.deepEqual(
    await session.cell(
      'let count = 1; const name = "n"; function twice(x: number): number; function twice(x: string): string; ' +
        'function twice(x: any) { return x + x }\n' +
        'class Point<T> { constructor(public x: T) {} } enum Colour { Red, Green } interface Shape { area: number }\n' +
        'type Pair<T> = [T, T]; namespace Geometry { export const pi = 3; export type Angle = number }\n' +
        'const { left, inner: [first, ...rest] } = { left: "l", inner: [1, 2, 3] };\n' +
        'import * as fs from "node:fs"; import { join } from "node:path"; import type { Stats } from "node:fs";',
    ),
    [],
  );
  assert.deepEqual(
    await session.cell(
      'const checks: [number, string, string, number, Point<boolean>, Colour, Shape, Pair<number>] = \n' +
        '  [count, name, twice("a"), twice(1), new Point(true), Colour.Red, { area: 1 }, [1, 2]];\n' +
        'const angle: Geometry.Angle = Geometry.pi; const l: string = left; const n: number = first + rest[0];\n' +
        'const s: Stats = fs.statSync(join("a", "b"));\n' +
        'count = 2; count++;\n' +
        'const p: Point<string> = new Point(1);',
    ),
    [
      "6:7 2322 Type 'Point<number>' is not assignable to type 'Point<string>': Type 'number' is not assignable to type 'string'.",
    ],
  );
});

test('the newest declaration of a name counts, and declaring it again is no error', async () => {
  assert.deepEqual(await session.cell('const value = 1; class Thing { a = 1 }'), []);
  assert.deepEqual(await session.cell('function seen() { return value }'), []);
  assert.deepEqual(await session.cell('const value = "text"; class Thing { b = "" }'), []);
  assert.deepEqual(await session.cell('const t: string = new Thing().b + value; const s: string = seen();'), [
    "1:48 2322 Type 'number' is not assignable to type 'string'.",
  ]);
  assert.deepEqual(await session.cell('let value = [1]; value.push(2)'), []);
});

test('variables of earlier cells may be assigned, constants may not', async () => {
  assert.deepEqual(await session.cell('let total = 0; const fixed = 1; function f() { return 1 }'), []);
  assert.deepEqual(await session.cell('total += 2; [total] = [3]; fixed = 2'), [
    "1:28 2588 Cannot assign to 'fixed' because it is a constant.",
  ]);
  assert.deepEqual(await session.cell('total = "three"; f = () => 2'), [
    "1:1 2322 Type 'string' is not assignable to type 'number'.",
  ]);
});

test('a variable keeps what is known of it: narrowing by assignment reaches the next cells', async () => {
  assert.deepEqual(
    await session.cell('let model: { fit(): void } | undefined;\nlet list: number[] | null = null;'),
    [],
  );
  assert.deepEqual(await session.cell('model.fit()'), ["1:1 18048 'model' is possibly 'undefined'."]);
  assert.deepEqual(await session.cell('model = { fit() {} }; list = [1];'), []);
  assert.deepEqual(await session.cell('model.fit(); list.push(1);'), []);
  assert.deepEqual(await session.cell('function forget() { list = null }'), []);
  assert.deepEqual(await session.cell('model.fit(); list.push(1);'), [
    "1:14 18047 'list' is possibly 'null'.",
  ]);
  assert.deepEqual(await session.cell('let choice: "red" | "green" = "red";'), []);
  assert.deepEqual(await session.cell('if (choice === "green") model.fit();'), []);
});

test('generics over tf are typed, without an import', async () => {
  assert.deepEqual(
    await session.cell(
      'const x: tf.Tensor2D = tf.tensor2d([[1, 2]]);\n' +
        'function run<T extends tf.Tensor>(input: T): T { return input }\n' +
        'const y: tf.Tensor2D = run(x); const z: tf.Tensor1D = run(x);\n' +
        'const m = tf.sequential({ layers: [tf.layers.dense({ units: "3", inputShape: [2] })] });',
    ),
    [
      "3:38 2322 Type 'Tensor2D' is not assignable to type 'Tensor1D': Type 'Rank.R2' is not assignable to type 'Rank.R1'.",
      "4:54 2322 Type 'string' is not assignable to type 'number'.",
    ],
  );
  assert.deepEqual(await session.cell('const data: Float32Array = m.predict(x)'), [
    "1:7 2322 Type 'Tensor<Rank>[] | Tensor<Rank>' is not assignable to type 'Float32Array<ArrayBufferLike>': " +
      "Type 'Tensor<Rank>[]' is missing the following properties from type 'Float32Array<ArrayBufferLike>': " +
      'BYTES_PER_ELEMENT, buffer, byteLength, byteOffset, and 3 more.',
  ]);
});

test('display, input and the library are typed', async () => {
  assert.deepEqual(
    await session.cell(
      'const d = display.html("a"); d.update.html("b"); const n: number = await input("?");',
    ),
    ["1:56 2322 Type 'string' is not assignable to type 'number'."],
  );
  assert.deepEqual(
    await session.cell('import { display as show } from "tensorcell"; show.html(1); tensorcell.display(2)'),
    ["1:57 2345 Argument of type 'number' is not assignable to parameter of type 'string'."],
  );
});

test('data of a comm may be read at once', async () => {
  assert.deepEqual(
    await session.cell(
      "comms.on('t', (comm, data) => { comm.onMessage((more) => comm.send(more.x + data.y)) });",
    ),
    [],
  );
});

test('magics and commands are not TypeScript, remainders and negations are', async () => {
  assert.deepEqual(
    await session.cell(
      '%who\n!ls -la | wc\n  %cd ..\n%time const t9: string = 1\nconst r = 7\n  %3;\n!("a").b',
    ),
    [
      "4:13 2322 Type 'number' is not assignable to type 'string'.",
      "7:8 2339 Property 'b' does not exist on type '\"a\"'.",
    ],
  );
  assert.deepEqual(await session.cell('%%bash\necho "$HOME" | grep x'), []);
  assert.deepEqual(await session.cell('%%time\nconst inside: string = 2'), [
    "2:7 2322 Type 'number' is not assignable to type 'string'.",
  ]);
  assert.deepEqual(await session.cell('const text = `\n%who\n!ls`; inside.length'), []);
});

test('top-level await, a last expression and unused names are fine', async () => {
  assert.deepEqual(
    await session.cell(
      'const answer = await Promise.resolve(1)\nfor await (const x of [1]) { }\nfunction g(a, b) { return a }\n' +
        'const unused = 1\n;[1, 2].map(x => x * 2), answer\ntry { g(1, 2) } catch (e) { console.log(e.message) }\nawait answer\nanswer',
    ),
    [],
  );
});

test('decorators, enums, JSX, casts and generators are all understood', async () => {
  assert.deepEqual(
    await session.cell(
      'function log(value: any, context: ClassMethodDecoratorContext) {}\nclass D { @log run() {} }',
    ),
    [],
  );
  assert.deepEqual(
    await session.cell('const c = <any>{ a: 1 }; function* gen() { const x: string = yield 1 }'),
    [],
  );
  assert.deepEqual(
    await session.cell(
      'namespace JSX { export interface IntrinsicElements { b: { title?: string } } }\n' +
        'function h(tag: string, props: unknown, ...children: unknown[]) { return { tag } }',
    ),
    [],
  );
  assert.deepEqual(await session.cell('/** @jsx h */\nconst element = <b title="x">bold</b>'), []);
});

test('a name that does not exist is found, also in a function', async () => {
  assert.deepEqual(await session.cell('const greeting = 1\nfunction later() { return greting }'), [
    "2:27 2552 Cannot find name 'greting'. Did you mean 'greeting'?",
  ]);
});

test('a failed cell leaves the earlier declaration of what it did not reach, and its types', async () => {
  await session.cell('const result = 1; let other = 1');
  await session.cell('let other = "new"; throw 1; const result = "never"; interface Made { a: 1 }');
  session.service.commit(session.execution(), ['other']);
  assert.deepEqual(
    await session.cell('const n: number = result; const s: string = other; const m: Made = { a: 1 }'),
    [],
  );
  await session.cell('const result = "blocked"; interface Blocked {}');
  session.service.commit(session.execution(), undefined);
  assert.deepEqual(await session.cell('const n: number = result; let b: Blocked'), [
    "1:34 2304 Cannot find name 'Blocked'.",
  ]);
});

test('asking twice gives the same answer, and an unknown cell has no problems', async () => {
  session.service.addCell(5001, 'const a: string = 1');
  const first = await session.service.diagnostics(5001);
  assert.deepEqual(first, [
    {
      severity: 'error',
      code: 2322,
      message: "Type 'number' is not assignable to type 'string'.",
      start: { line: 0, column: 6 },
      end: { line: 0, column: 7 },
      execution: 5001,
    },
  ]);
  assert.deepEqual(await session.service.diagnostics(5001), first);
  assert.deepEqual(await session.service.diagnostics(999_999), []);
});

test('cells added at once are checked each against what was there before it', async () => {
  const sources = [
    'const chain = 1',
    'const chain = [chain0]',
    'const chain0 = chain',
    'const wrong: string = chain',
  ];
  sources.forEach((source, index) => session.service.addCell(6000 + index, source));
  const found = await Promise.all(sources.map((_, index) => session.service.diagnostics(6000 + index)));
  assert.deepEqual(
    found.map((problems) => problems.map(({ message }) => message)),
    [
      [],
      ["Cannot find name 'chain0'. Did you mean 'chain'?"],
      [],
      ["Type 'any[]' is not assignable to type 'string'."],
    ],
  );
});

test('after a reset no name is left', async () => {
  await session.cell('const gone = 1');
  session.service.reset();
  assert.deepEqual(await session.cell('gone'), ["1:1 2304 Cannot find name 'gone'."]);
});

test("tfjs's functions take the arguments that this library adds", async () => {
  const model =
    'const mixed = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });\n';
  assert.deepEqual(
    await session.cell(
      `${model}mixed.compile({ optimizer: 'sgd', loss: 'meanSquaredError', mixedPrecision: 'bfloat16' });`,
    ),
    [],
  );
  assert.deepEqual(
    await session.cell(
      "mixed.compile({ optimizer: 'sgd', loss: 'meanSquaredError', mixedPrecision: 'half' });",
    ),
    ["1:61 2322 Type '\"half\"' is not assignable to type 'MixedPrecision | undefined'."],
  );
});

test('steps in a call can be requested where a model is compiled and where it is trained', async () => {
  const model =
    'const stepped = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });\n' +
    "stepped.compile({ optimizer: 'sgd', loss: 'meanSquaredError', stepsPerExecution: 20 });\n" +
    'const table = tf.data.array([{ xs: [1], ys: [2] }]).batch(1);\n' +
    "await stepped.fit(tf.ones([8, 1]), tf.ones([8, 1]), { epochs: 2, stepsPerExecution: 'auto', progress: 'quiet' });\n" +
    "await stepped.fitDataset(table, { epochs: 2, stepsPerExecution: 4, onInterrupt: 'return' });";
  assert.deepEqual(await session.cell(model), []);
  assert.deepEqual(
    await session.cell("stepped.compile({ optimizer: 'sgd', loss: 'x', stepsPerExecution: 'all' });"),
    ['1:48 2322 Type \'"all"\' is not assignable to type \'number | "auto" | undefined\'.'],
  );
  const options = "stepped.compile({ optimizer: 'sgd', loss: 'meanSquaredError', steps";
  assert.deepEqual((await session.complete(`${options}[cur] });`)).texts, ['stepsPerExecution']);
  assert.match(
    (await session.inspect(`${options}PerExe[cur]cution: 20 });`))?.text ?? '',
    /stepsPerExecution\?: number \| "auto".*How many steps run in one call/s,
  );
});

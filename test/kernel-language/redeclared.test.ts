/** Cells that run again after an edit, through the real kernel; test/language/redeclared.test.ts has all declarations. */
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Cell, JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

async function cells(client: JupyterClient, ...sources: string[]): Promise<Cell> {
  let last: Cell | undefined;
  for (const source of sources) {
    last = await client.cell(source, {}, { ms: 120_000 });
    assert.deepEqual([last.reply['status'], last.reply['evalue']], ['ok', undefined], source);
  }
  return last!;
}

async function fails(client: JupyterClient, source: string): Promise<string> {
  const cell = await client.cell(source);
  assert.equal(cell.reply['status'], 'error', source);
  return `${String(cell.reply['ename'])}: ${String(cell.reply['evalue'])}`;
}

test('an edited cell reaches functions, timers, listeners and methods of other cells', () =>
  withKernel(
    async (client, { folder }) => {
      await cells(
        client,
        'const k = 1',
        'let count = 0\nfunction shout() { return "one" }\nclass Shape { sides() { return 3 } }',
        "import { version } from './part.ts'",
        'const all = () => [k, count, shout(), new Shape().sides(), version]\nclass Holder { get now() { return all() } }\n' +
          'const holder = new Holder(), old = new Shape()\nclass Triangle extends Shape {}',
      );
      assert.equal((await cells(client, 'holder.now')).result, "[ 1, 0, 'one', 3, 1 ]");
      writeFileSync(join(folder, 'part.ts'), 'export const version = 2');
      await cells(
        client,
        'const k = 5',
        'let count = 10\nfunction shout() { return "two" }\nclass Shape { sides() { return 4 } }',
        "import { version } from './part.ts'",
      );
      assert.equal((await cells(client, 'holder.now')).result, "[ 5, 10, 'two', 4, 2 ]");
      assert.equal(
        (await cells(client, '[old.sides(), old instanceof Shape, new Triangle().sides()]')).result,
        '[ 3, false, 3 ]',
      );
      assert.equal(
        (await cells(client, 'class Triangle extends Shape {}\nnew Triangle().sides()')).result,
        '4',
      );
      const timer = await cells(
        client,
        'const late = setInterval(() => count++, 5); while (count <= 10) await new Promise((r) => setTimeout(r, 5)); count > 10',
      );
      assert.equal(timer.result, 'true');
      await cells(client, 'let count = -1000');
      assert.equal(
        (
          await cells(
            client,
            'while (count <= -1000) await new Promise((r) => setTimeout(r, 5)); clearInterval(late); count > -1000 && count < 0',
          )
        ).result,
        'true',
      );
    },
    { files: { 'part.ts': 'export const version = 1' } },
  ));

test('constants refuse assignment, and what a cell did not reach stays', () =>
  withKernel(async (client) => {
    await cells(client, 'let a = 1\nconst set = (v: any) => { a = v }', 'const a = 2');
    assert.equal(await fails(client, 'set(3)'), "TypeError: Assignment to constant variable 'a'.");
    assert.equal(await fails(client, 'a = 3'), 'TypeError: Assignment to constant variable.');
    assert.equal(
      (
        await cells(
          client,
          'let caught = ""; try { set(3) } catch (e: any) { caught = e.constructor.name } [caught, a]',
        )
      ).result,
      "[ 'TypeError', 2 ]",
    );
    assert.equal((await cells(client, 'let a = 4', 'set(5)', 'a')).result, '5');
    assert.equal(
      await fails(client, 'const b = early()\nfunction early() { return c }\nconst c = 1'),
      "ReferenceError: Cannot access 'c' before initialization",
    );
    await cells(client, 'const b = 1, c = 2\nconst both = () => [b, c]');
    assert.equal(await fails(client, 'const b = 10\nthrow new Error("half")\nconst c = 20'), 'Error: half');
    assert.equal((await cells(client, 'both()')).result, '[ 10, 2 ]');
    assert.equal(
      (await cells(client, '%who const import')).stdout.replaceAll(/ +/g, ' '),
      'b const\nboth const\nc const\nset const\n',
    );
    const seen = await client.request('shell', 'inspect_request', {
      code: 'b',
      cursor_pos: 1,
      detail_level: 0,
    });
    assert.match(String((seen.reply!.content['data'] as Record<string, string>)['text/plain']), /value: 10$/);
  }));

test('the type check follows the newest declaration, and types of earlier values stay', () =>
  withKernel(
    async (client) => {
      await cells(
        client,
        'const k = 1',
        'const f = () => k\nconst g = (): typeof k => k',
        'const k = "five"',
      );
      assert.equal((await cells(client, 'k.length')).stderr, '');
      assert.equal((await cells(client, 'f() + 1; g() + 1')).stderr, '');
      assert.match((await client.cell('k = "six"')).stderr, /Cannot assign to 'k' because it is a constant/);
      assert.equal((await cells(client, 'let k = 7', 'k = 8')).stderr, '');
      // An edited number is no type error where the old one was read.
      await cells(
        client,
        'const rate = 1',
        'const twice = () => rate * 2\nconst get = () => rate',
        'const rate = 5',
      );
      assert.equal((await cells(client, 'get() === 5 && twice() === 10')).stderr, '');
    },
    { environment: { TENSORCELL_HEADLESS: '1' } },
  ));

test('a subshell sees and assigns the names that a running cell has declared so far', () =>
  withKernel(async (client) => {
    const { subshell_id } = (await client.request('control', 'create_subshell_request', {})).reply!.content;
    const beside = { header: { subshell_id } };
    const waiting = await client.startCell(
      'let stop = false, turns = 0\nconst rate = 2\nfunction twice(x: number) { return 2 * x }\nconsole.log("begun")\n' +
        'while (!stop) { turns++; await new Promise((r) => setTimeout(r, 5)) }\nconst later = 1\nturns > 0 && stop',
    );
    await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === waiting, 'begun');
    assert.equal(
      (await client.cell('[stop, turns > 0, twice(rate)]', {}, beside)).result,
      '[ false, true, 4 ]',
    );
    const early = await client.cell('later', {}, beside);
    assert.equal(
      `${String(early.reply['ename'])}: ${String(early.reply['evalue'])}`,
      'ReferenceError: later is not defined',
    );
    const constant = await client.cell('rate = 3', {}, beside);
    assert.equal(constant.reply['ename'], 'TypeError');
    assert.equal((await client.cell('stop = true; typeof later', {}, beside)).result, "'undefined'");
    assert.equal((await client.finishCell(waiting)).result, 'true');
    assert.equal((await client.cell('later + rate', {}, beside)).result, '3');
  }));

// ---------------------------------------------------------------- the answers of the tutorials

interface NotebookCell {
  cell_type: string;
  source: string | string[];
}

function notebook(name: string): { code: string[]; answers: string[] } {
  const { cells: all } = JSON.parse(readFileSync(join(root, 'notebooks', name), 'utf8')) as {
    cells: NotebookCell[];
  };
  const texts = (type: string): string[] =>
    all.filter(({ cell_type }) => cell_type === type).map(({ source }) => [source].flat().join(''));
  return {
    code: texts('code'),
    answers: texts('markdown').filter((text) => text.includes('<summary>Answer')),
  };
}

const FAST = { environment: { TENSORCELL_FAST: '1' } };

test('notebook 02, third exercise: the answer as printed bends the line', () =>
  withKernel(async (client) => {
    const { code, answers } = notebook('02-tensors-and-gradients.ipynb');
    await cells(client, ...code);
    const training = code.find((cell) => cell.includes('tf.train.sgd'))!;
    const answer = /```typescript\n([\s\S]*?)```/.exec(answers[2]!)![1]!;
    await cells(client, answer, training, training, training);
    const values = JSON.parse(
      (
        await cells(client, 'JSON.stringify([bend, slope, offset].map((v) => v.dataSync()[0]))')
      ).result!.slice(1, -1),
    ) as number[];
    for (const [index, expected] of [1, 0, 0].entries())
      assert.ok(Math.abs(values[index]! - expected) < 0.15, `bend, slope, offset: ${values.join(', ')}`);
  }, FAST));

test('notebook 08: the cell of the weights runs again, and all others use the new weights', () =>
  withKernel(async (client, { folder }) => {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const { code, answers } = notebook('08-your-own-training-loop.ipynb');
    await cells(client, ...code);
    const right = async (): Promise<number> =>
      Number((await cells(client, '100 * accuracy(testX, testY)')).result);
    assert.ok((await right()) > 75);
    await cells(
      client,
      code.find((cell) => cell.includes('const w1'))!,
    );
    assert.ok((await right()) < 40, 'the network begins anew');
    // The second exercise: another `step`, which the loop uses.
    const step = code.find((cell) => cell.includes('const step ='))!;
    const loss = /`(tf\.losses\.softmaxCrossEntropy\(y\.mul.*?)`/.exec(answers[1]!)![1]!;
    await cells(client, step.replace('tf.losses.softmaxCrossEntropy(y, network(x))', loss));
    await cells(
      client,
      code.find((cell) => cell.includes('for (let epoch'))!,
    );
    assert.ok((await right()) > 75, 'and learns');
  }, FAST));

test('a namespace, enum or interface of a later cell takes the place of the earlier one; in one cell they merge', () =>
  withKernel(
    async (client, kernel) => {
      /** Cells that run without a type error, the value of the last, and what a last cell makes the type check say. */
      const cases: [sources: string[], result: string | undefined, wrong?: [source: string, said: RegExp]][] =
        [
          [
            ['namespace A { export const x = 1 }', 'namespace A { export const y = 2 }', 'Object.keys(A)'],
            "[ 'y' ]",
            ['A.x', /Property 'x' does not exist on type 'typeof A'/],
          ],
          [
            [
              'namespace B.In { export const x = 1 }',
              'namespace B.In { export const y = 2 }',
              'Object.keys(B.In)',
            ],
            "[ 'y' ]",
            ['B.In.x', /Property 'x' does not exist on type 'typeof In'/],
          ],
          [
            ['enum E { one }', 'enum E { two }', 'E.two + Object.keys(E).length'],
            '2',
            ['E.one', /Property 'one' does not exist on type 'typeof E'/],
          ],
          [
            ['interface I { a: number }', 'interface I { b: string }', 'const i: I = { b: "x" }', 'i.b'],
            "'x'",
            ['const other: I = { a: 1 }', /'a' does not exist in type 'I'/],
          ],
          [
            ['interface G<T> { a: T }', 'interface G<T> { b: T }', 'const g: G<number> = { b: 1 }', 'g.b'],
            '1',
            ['g.a', /Property 'a' does not exist on type 'G<number>'/],
          ],
          [
            [
              'namespace T { export type N = number }',
              'namespace T { export type M = string }',
              'const t: T.M = "a"',
              't',
            ],
            "'a'",
            ['const other2: T.N = 1', /has no exported member 'N'/],
          ],
          [
            [
              'class C { m() { return 1 } }\nnamespace C { export const z = 3 }',
              'C.z + new C().m()',
              'namespace C { export const w = 4 }',
              'typeof C',
            ],
            "'object'",
            ['new C()', /This expression is not constructable/],
          ],
          [['namespace M { export const p = 1 }\nnamespace M { export const q = 2 }', 'M.p + M.q'], '3'],
          [['enum N { a }\nenum N { b = 1 }', 'N.a + N.b'], '1'],
          [['function F() { return 1 }\nnamespace F { export const a = 1 }', 'F() + F.a'], '2'],
          [
            ['interface J { a: number }\ninterface J { b: number }', 'const j: J = { a: 1, b: 2 }', 'j.b'],
            '2',
          ],
          [['class K { a = 1 }\ninterface K { b?: number }', 'new K().b'], undefined],
          [
            [
              'const seen: string[] = []\nconst dec = (...args: any[]): any => { seen.push(typeof args[1]) }',
              '@dec class D { m() { return 1 } }\nnamespace D { export const n = 2 }\nD.n + new D().m()',
              '@dec class D { m() { return 10 } }\nnamespace D { export const k = 20 }\nD.k + new D().m()',
              '[D.k + new D().m(), Object.keys(D), seen]',
            ],
            "[ 30, [ 'k' ], [ 'object', 'object' ] ]",
          ],
        ];
      for (const [sources, result, wrong] of cases) {
        const last = await cells(client, ...sources);
        assert.deepEqual([last.result, last.stderr], [result, ''], sources.at(-2));
        if (wrong) assert.match((await client.cell(wrong[0])).stderr, wrong[1], wrong[0]);
      }
      writeFileSync(
        join(kernel.folder, 'tsconfig.json'),
        '{ "compilerOptions": { "experimentalDecorators": true } }',
      );
      const legacy = await cells(
        client,
        '@dec class L { m() { return 1 } }\nnamespace L { export const n = 2 }\nL.n + new L().m()',
        '[L.n + new L().m(), seen.at(-1)]',
      );
      assert.equal(legacy.result, "[ 3, 'undefined' ]");
    },
    { environment: { TENSORCELL_HEADLESS: '1' } },
  ));

/** Errors and notices of compiled and op-by-op code name the line of the cell. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ExecuteOutcome } from '../../kernel/contracts/runtime-host.ts';
import { openNotebook, type Notebook } from '../runtime/notebook.ts';

let notebook: Notebook;
before(() => {
  notebook = openNotebook();
});
after(() => notebook.host.dispose());

function errorOf(outcome: ExecuteOutcome): { message: string; traceback: string } {
  assert.ok(outcome.status === 'error');
  const { message, traceback } = outcome.error;
  // oxlint-disable-next-line no-control-regex
  return { message, traceback: traceback.join('\n').replaceAll(/\u001B\[[\d;]*m/g, '') };
}

async function works(source: string): Promise<string> {
  const outcome = await notebook.cell(source);
  assert.deepEqual(outcome.status, 'ok', JSON.stringify(outcome));
  return notebook.text(notebook.last, 'stderr');
}

test('a shape that does not fit is shown in its line, eagerly and compiled', async () => {
  const body = 'const y = x.add(1);\n  return tf.matMul(y, y);';
  await works(`const product = (x) => {\n  ${body}\n};\nconst compiled = tensorcell.compile(product);`);
  const made = notebook.last;
  for (const [call, column] of [
    ['product', 1],
    ['compiled', 1],
  ]) {
    const { message, traceback } = errorOf(await notebook.cell(`${String(call)}(tf.ones([2, 3]))`));
    assert.equal(message, 'MatMul: Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]');
    assert.match(traceback, /> 3 \| {3}return tf\.matMul\(y, y\);/);
    assert.ok(traceback.includes(`    at product (cell ${made}:3:13)`), traceback);
    assert.ok(traceback.includes(`    at cell ${notebook.last}:1:${String(column)}`), traceback);
  }
});

test('an error while a graph runs names the line that put the op there', async () => {
  await works(
    'const look = tensorcell.compile((i) => {\n  const table = tf.ones([3, 2]);\n  return tf.gather(table, i).sum();\n});\n' +
      "for (let k = 0; k < 3; k++) look(tf.tensor1d([0, 1], 'int32'));",
  );
  const made = notebook.last;
  const { message, traceback } = errorOf(await notebook.cell("\nlook(tf.tensor1d([0, 9], 'int32'))"));
  assert.equal(message, 'GatherV2: indices[1] = 9 is not in [0, 3)');
  assert.equal(notebook.text(notebook.last, 'stderr'), '', 'said once');
  assert.match(traceback, /^TensorflowError: GatherV2: [^]*> 2 \| look\(/);
  assert.match(
    traceback,
    /caused by:\nTraced: this line put GatherV2 into the compiled graph\n[^]*> 3 \| {3}return tf\.gather/,
  );
  assert.ok(traceback.includes(`    at cell ${made}:3:13`), traceback);
  assert.equal(await works("look(tf.tensor1d([0, 2], 'int32')).dataSync()[0]"), '');
  assert.equal(notebook.shown, '4');
});

test('an error in a layer names the layer, also among many steps of one call', async () => {
  await works(
    'const words = tf.sequential({ layers: [tf.layers.embedding({ name: "words", inputDim: 5, outputDim: 2, inputLength: 1 }), tf.layers.flatten(), tf.layers.dense({ units: 1 })] });\n' +
      'words.compile({ optimizer: "sgd", loss: "meanSquaredError" });\n' +
      'await words.fit(tf.zeros([200, 1]), tf.zeros([200, 1]), { batchSize: 4, verbose: 0 });',
  );
  const { message, traceback } = errorOf(
    await notebook.cell(
      '\nawait words.fit(tf.fill([200, 1], 7), tf.zeros([200, 1]), { batchSize: 4, verbose: 0 });',
    ),
  );
  assert.match(
    message,
    /^GatherV2 in words: indices\[0(?:,0)?\] = 7 is not in \[0, 5\) \(in (?:batch 0|one of the batches 0 to \d+), counted from 0; the weights are those of the steps before it\)$/,
  );
  assert.match(traceback, /> 2 \| await words\.fit/);
});

test('a function that cannot be compiled names once the line that prevents it', async () => {
  const cases: [string, string, string][] = [
    ['const s = x.sum();\n  s.dataSync();\n  return s;', 'the value of a tensor is read', '3:5'],
    ['if (x.sum().arraySync() > 0) return x;\n  return x.neg();', 'the value of a tensor is read', '2:15'],
    ['const v = tf.variable(x);\n  return v.add(1);', 'variables are created in the step', '5:29'],
  ];
  for (const [body, why, place] of cases) {
    const said = await works(
      `const slow = tensorcell.compile((x) => {\n  ${body}\n});\nfor (let k = 0; k < 4; k++) slow(tf.ones([2]));`,
    );
    assert.equal(
      said,
      `the compiled function runs eagerly: ${why} (cell ${notebook.last}:${place}). Results are the same, only slower.\n`,
    );
  }
});

test('a layer of the user that does more than compute runs eagerly, and its line is named once', async () => {
  const layer = (body: string) =>
    `class Double extends tf.layers.Layer {\n  static className = "Double";\n  call(x) {\n    ${body}\n    return tf.mul(Array.isArray(x) ? x[0] : x, 2);\n  }\n}\n` +
    'const own = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] }), new Double({})] });\n' +
    'own.compile({ optimizer: "sgd", loss: "meanSquaredError" });\n' +
    'for (let k = 0; k < 3; k++) await own.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));';
  assert.equal(await works(layer('')), '');
  const said = await works(layer('Math.random();'));
  const line = new RegExp(
    `^\\S+ runs eagerly: it calls Math\\.random \\(cell ${notebook.last}:4:\\d+\\)\\. Results are the same, only slower\\.\n$`,
  );
  assert.match(said, line);
});

test('a profile that a cell ends with shows itself', async () => {
  await works('await tensorcell.profile(() => tf.ones([2, 2]).matMul(tf.ones([2, 2])).dataSync())');
  const shown = notebook.messages.find(
    (message) => message.type === 'result' && message.execution === notebook.last,
  );
  assert.ok(shown?.type === 'result');
  assert.deepEqual(Object.keys(shown.payload.data).toSorted(), ['text/html', 'text/plain']);
  assert.match(String(shown.payload.data['text/plain']), /\nop +calls[^]*MatMul +1 /);
  assert.match(String(shown.payload.data['text/html']), /<svg [^]*<table/);
});

test("a file below a folder called dist is the user's", async () => {
  const root = mkdtempSync(join(tmpdir(), 'tensorcell-lines-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of ['dist', 'src/engines/tensorflow']) {
    const file = join(root, folder, 'look.ts');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'export const look = (table, i) =>\n  tf.gather(table, i).sum();\n');
    const { traceback } = errorOf(
      await notebook.cell(
        `import { look as far } from '${file}';
const traced = tensorcell.compile((i) => far(tf.ones([3, 2]), i));
for (let k = 0; k < 3; k++) traced(tf.tensor1d([0, 1], 'int32'));
traced(tf.tensor1d([0, 9], 'int32'))`,
      ),
    );
    assert.match(traceback, new RegExp(`caused by:\nTraced: [^]*${folder}/look\\.ts:2:6`));
  }
});

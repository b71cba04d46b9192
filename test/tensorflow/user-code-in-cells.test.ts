/** Layers and losses that are written in cells: their variables live in boxes, which other cells write to. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openNotebook, type Notebook } from '../runtime/notebook.ts';

let notebook: Notebook;
before(() => {
  notebook = openNotebook();
});
after(() => notebook.host.dispose());

async function works(source: string): Promise<string> {
  const outcome = await notebook.cell(source);
  assert.deepEqual(outcome.status, 'ok', JSON.stringify(outcome));
  return notebook.text(notebook.last, 'stderr');
}

const DATA = 'const x = tf.ones([2, 4]); const y = tf.zeros([2, 1]);';
const model = (loss: string, layer = '') =>
  `const m = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4], kernelInitializer: 'ones' })${layer}] });\n` +
  `m.compile({ optimizer: tf.train.sgd(0), loss: ${loss} });`;
const steps = async (count: number): Promise<string> => {
  const said = await works(
    `const all = []; for (let i = 0; i < ${count}; i++) all.push(await m.trainOnBatch(x, y)); all.join(' ')`,
  );
  assert.equal(said, '');
  return String(notebook.shown);
};

const runsAsGraph = async (): Promise<void> => {
  await works('(await tensorcell.profile(() => m.trainOnBatch(x, y))).graphs');
  assert.equal(notebook.shown, '1');
};

test('a loss of a cell follows variables that other cells change, and says nothing', async () => {
  await works(
    `${DATA}\nlet alpha = 1;\nconst own = (a, b) => tf.mul(alpha, tf.mean(tf.square(tf.sub(a, b))));`,
  );
  await works(model('own'));
  assert.equal(await steps(4), "'16 16 16 16'");
  await runsAsGraph();
  await works('alpha = 2');
  assert.equal(await steps(3), "'32 32 32'");
  await works('const set = (value) => { alpha = value; };');
  await works('set(3)');
  assert.equal(await steps(3), "'48 48 48'");
});

test('a loss of a cell follows names that are declared again, whatever they were', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-own-'));
  const file = join(folder, 'factor.ts');
  writeFileSync(file, 'export const scale = 6;\nexport const eight = 8;\n');
  try {
    await works('const scale = 1; function bend(v) { return tf.square(v); }');
    await works(`${DATA}\nconst scaled = (a, b) => tf.mul(scale, tf.mean(bend(tf.sub(a, b))));`);
    await works(model('scaled'));
    assert.equal(await steps(4), "'16 16 16 16'");
    await runsAsGraph();
    for (const [declaration, loss] of [
      ['const scale = 2', 32],
      ['const scale = 3', 48],
      ['let scale = 4', 64],
      ['scale = 5', 80],
      [`import { scale } from ${JSON.stringify(file)}`, 96],
      [`import { eight as scale } from ${JSON.stringify(file)}`, 128],
      ['const scale = 1', 16],
      ['const bend = (v) => tf.abs(v)', 4],
      ['function bend(v) { return tf.mul(v, -3); }', 12],
    ] as const) {
      await works(declaration);
      assert.equal(await steps(4), `'${[loss, loss, loss, loss].join(' ')}'`, declaration);
    }
    await steps(40);
    await runsAsGraph();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a compiled function follows names that are declared again, whatever they were', async () => {
  await works('const k = 1; const add = (v) => tf.add(v, k); const three = tf.tensor1d([1, 2, 3]);');
  await works('class Scale { times = 1; of(v) { return tf.mul(v, k * this.times); } }');
  await works('const scale = new Scale(); const parts = { scale };');
  await works('const compiled = tensorcell.compile((v) => tf.sum(add(parts.scale.of(v))));');
  const call = async (): Promise<string> => {
    await works('[0, 0, 0, 0].map(() => compiled(three).dataSync()[0]).join()');
    return String(notebook.shown);
  };
  assert.equal(await call(), "'9,9,9,9'");
  for (const [declaration, sum] of [
    ['const k = 5', 45],
    ['let k = 2', 18],
    ['var k = 4', 36],
    ['enum Levels { high = 3 }; const k = Levels.high', 27],
    ['const { k } = { k: 1 }', 9],
    ['function add(v) { return v; }', 6],
    ['const add = (v) => tf.mul(v, k * 10)', 60],
    ['const k = 10', 6000],
    ['const scale = { of: (v) => tf.mul(v, k) }; const parts = { scale }', 6000],
    ['const k = 1', 60],
    ['const k = 10; const unrelated = 1', 6000],
  ] as const) {
    await works(declaration);
    assert.equal(await call(), `'${[sum, sum, sum, sum].join()}'`, declaration);
  }
  await works('const before = compiled.traces; 0');
  await works('const other = 1; let unused = compiled');
  await call();
  await works('`${compiled.traces - before} ${(await tensorcell.profile(() => compiled(three))).graphs}`');
  assert.equal(notebook.shown, "'0 1'", 'other names cost no trace');
});

test('a compiled step of a model is traced again for names that its layers read, and for no others', async () => {
  await works(
    'class Times extends tf.layers.Layer { static className = "Times"; call(x) { return tf.mul([x].flat()[0], rate); } computeOutputShape(s) { return s; } }\n' +
      'const rate = 1; const rows = tf.ones([4, 2]);',
  );
  await works(
    "const net = tf.sequential({ layers: [tf.layers.dense({ units: 8, inputShape: [2], kernelInitializer: 'ones' }), tf.layers.batchNormalization(), tf.layers.dropout({ rate: 0.5 }), new Times({})] });\n" +
      "net.compile({ optimizer: 'adam', loss: 'meanSquaredError' }); const adam = tf.train.adam(0);\n" +
      'const step = tensorcell.compile((x) => adam.minimize(() => tf.mean(net.apply(x)), true));',
  );
  const run = async (): Promise<number> => {
    await works('[0, 0, 0, 0].map(() => step(rows).dataSync()[0]).at(-1).toFixed(4)');
    return Number(String(notebook.shown).slice(1, -1));
  };
  const first = await run();
  await works('const traced = step.traces; const others = []; let more = { rows };');
  await run();
  await works('step.traces - traced');
  assert.equal(notebook.shown, '0');
  await works('const rate = 3');
  assert.ok(Math.abs((await run()) - 3 * first) < 1e-3);
});

test('a name that a later cell declares', async () => {
  await works('const later = (a, b) => tf.mul(factor, tf.mean(tf.square(tf.sub(a, b))));');
  await works('let factor = 1;');
  await works(model('later'));
  assert.equal(await steps(4), "'16 16 16 16'");
  await runsAsGraph();
  await works('factor = 5');
  assert.equal(await steps(3), "'80 80 80'");
});

test('a loss of a module, whose variable another function of it sets; one that a function of a cell makes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-own-'));
  const file = join(folder, 'losses.ts');
  writeFileSync(
    file,
    'export let rate: number = 1;\nexport const setRate = (value: number): void => { rate = value; };\n' +
      'export const makeLoss = (tf: any) => (a: any, b: any) => tf.mul(rate, tf.mean(tf.square(tf.sub(a, b))));\n',
  );
  try {
    await works(
      `import * as losses from ${JSON.stringify(file)};\nimport { rate } from ${JSON.stringify(file)};`,
    );
    for (const loss of [
      'losses.makeLoss(tf)',
      '(a, b) => tf.mul(rate, tf.mean(tf.square(tf.sub(a, b))))',
      '(a, b) => tf.mul(losses.rate, tf.mean(tf.square(tf.sub(a, b))))',
    ]) {
      await works('losses.setRate(1)');
      await works(model(loss));
      assert.equal(await steps(4), "'16 16 16 16'", loss);
      await runsAsGraph();
      await works('losses.setRate(3)');
      assert.equal(await steps(3), "'48 48 48'", loss);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await works(
    'const sharp = (factor) => ({ loss: (a, b) => tf.mul(factor, tf.mean(tf.square(tf.sub(a, b)))), set: (value) => { factor = value; } });\n' +
      'const made = sharp(1);',
  );
  await works(model('made.loss'));
  assert.equal(await steps(4), "'16 16 16 16'");
  await runsAsGraph();
  await works('made.set(2)');
  assert.equal(await steps(3), "'32 32 32'");
});

test('a layer class of a cell; one that shows something runs eagerly and shows it each time', async () => {
  await works(
    'class Double extends tf.layers.Layer {\n  static className = "Double";\n  times = 2;\n' +
      '  call(inputs) { const [input] = [inputs].flat(); return tf.mul(input, this.times); }\n' +
      '  computeOutputShape(shape) { return shape; }\n}\nconst double = new Double({});',
  );
  await works(model("'meanSquaredError'", ', double'));
  assert.equal(await steps(4), "'64 64 64 64'");
  await runsAsGraph();
  await works('double.times = 1');
  assert.equal(await steps(3), "'16 16 16'");

  await works(
    'class Shown extends tf.layers.Layer {\n  static className = "Shown";\n' +
      '  call(inputs) { const [input] = [inputs].flat(); display(input.shape.join()); return input; }\n}',
  );
  await works(model("'meanSquaredError'", ', new Shown({})'));
  const said = await works('for (let i = 0; i < 4; i++) await m.trainOnBatch(x, y);');
  assert.match(
    said,
    /runs eagerly: it shows something in the notebook \(cell \d+:3:\d+\)\. Results are the same/,
  );
  const shown = notebook.messages.filter(
    (message) => message.type === 'display' && message.execution === notebook.last,
  );
  assert.equal(shown.length, 4);
});

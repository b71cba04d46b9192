// %tidy and the notice about leaks: what is still of use is never disposed, whatever holds it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openNotebook } from '../runtime/notebook.ts';
import type { Notebook } from '../runtime/notebook.ts';

async function tidy(notebook: Notebook, on?: boolean): Promise<{ on: boolean; disposed: number }> {
  return (await notebook.host.ask('tidy', on, 20_000)) as { on: boolean; disposed: number };
}

/** Waits until the runtime holds so many tensors. */
async function tensors(notebook: Notebook, expected: number, slack = 0): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { count } = (await notebook.host.ask('memory', undefined, 20_000)) as { count: number };
    // The engine may still have the last one in a register.
    if (count === expected || count === expected + slack) return;
    if (Date.now() > deadline) assert.equal(count, expected);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ok(notebook: Notebook, source: string): Promise<void> {
  const outcome = await notebook.cell(source);
  assert.equal(outcome.status, 'ok', JSON.stringify(outcome));
}

test('temporaries go, results of cells too, and whatever can still be reached stays', async () => {
  const notebook = openNotebook();
  try {
    await ok(notebook, 'tf.add(1, 1)');
    assert.deepEqual(await tidy(notebook, true), { on: true, disposed: 0 });
    await ok(notebook, 'const kept = tf.ones([10]).add(1); let sum = kept.mul(2).sub(1).sum()');
    // The intermediate tensors are gone, and the first cell's numbers; kept and sum are there.
    await tensors(notebook, 2, 1);
    await ok(notebook, 'sum.add(5)');
    await tensors(notebook, 2, 1);
    await ok(
      notebook,
      `const inClosure = (() => { const hidden = tf.ones([2]).mul(3); return () => hidden.sum().dataSync()[0]; })();
       class Box { #secret = tf.ones([3]).mul(4); read() { return this.#secret.sum().dataSync()[0]; } }
       const box = new Box();
       const weak = new WeakMap([[box, tf.ones([4]).mul(5)]]);
       const nested = { list: [new Map([['a', new Set([tf.ones([5]).mul(6)])]])] };
       const later = new Promise((resolve) => setTimeout(resolve, 300, tf.ones([6]).mul(7)));
       let fromTimer = 0;
       const local = tf.ones([7]).mul(8);
       setTimeout((tensor) => { fromTimer = tensor.sum().dataSync()[0]; tensor.dispose(); }, 300, tf.ones([8]).mul(9));
       const view = tf.ones([4, 4]).mul(2).reshape([16]).slice(2, 3);
       const variable = tf.variable(tf.ones([3]));
       globalThis.mine = tf.ones([2]).mul(11);`,
    );
    for (let round = 0; round < 5; round++) await ok(notebook, `tf.ones([${round + 1}]).add(1).dataSync()`);
    await ok(notebook, 'await new Promise((resolve) => setTimeout(resolve, 400))');
    await ok(
      notebook,
      `JSON.stringify([inClosure(), box.read(), weak.get(box).sum().dataSync()[0], [...nested.list[0].get('a')][0].sum().dataSync()[0],
        (await later).sum().dataSync()[0], fromTimer, local.sum().dataSync()[0], view.dataSync().join(), variable.dataSync().join(), globalThis.mine.dataSync().join(), kept.dataSync()[0]])`,
    );
    assert.equal(notebook.shown, '\'[6,12,20,30,42,72,56,"2,2,2","1,1,1","11,11",2]\'');
    // A tensor that loses its last name is disposed.
    const before = (await tidy(notebook)).disposed;
    await ok(notebook, 'let big = tf.zeros([1000, 1000]).add(1);');
    await ok(notebook, 'let big = 1');
    const deadline = Date.now() + 20_000;
    while ((await tidy(notebook)).disposed < before + 2) {
      assert.ok(Date.now() < deadline, 'the large tensor is still there after 20 s');
      await ok(notebook, 'tf.tidy(() => tf.scalar(2).add(1).dataSync()[0])');
      await ok(notebook, 'tf.scalar(2)');
      const { tensors: list } = (await notebook.host.ask('memory', undefined, 20_000)) as {
        tensors: { bytes: number }[];
      };
      if (list.every(({ bytes }) => bytes < 1_000_000)) break;
    }
    assert.deepEqual(notebook.replaced, []);
  } finally {
    await notebook.host.dispose();
  }
});

test('a training with %tidy on: the same weights, and nothing is left but what has names', async () => {
  const notebook = openNotebook();
  try {
    const train = `
      tensorcell.setRandomSeed(3);
      const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [4], units: 3, kernelInitializer: 'ones' }), tf.layers.dense({ units: 1, kernelInitializer: 'ones' })] });
      model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
      await model.fit(tf.linspace(0, 1, 400).reshape([100, 4]), tf.linspace(0, 2, 100).reshape([100, 1]), { epochs: 3, shuffle: false, batchSize: 10 });
      JSON.stringify(model.getWeights().map((weight) => [...weight.dataSync()]))`;
    await ok(notebook, train);
    const plain = notebook.shown;
    await tidy(notebook, true);
    for (let round = 0; round < 3; round++) {
      await ok(notebook, train);
      assert.equal(notebook.shown, plain);
    }
    await ok(notebook, 'model.predict(tf.ones([1, 4])).dataSync().length');
    assert.equal(notebook.shown, '1');
  } finally {
    await notebook.host.dispose();
  }
});

test('a cell that leaks is told so once, and one that keeps as much is not', async () => {
  const notebook = openNotebook();
  try {
    await ok(
      notebook,
      'const all = []; for (let i = 0; i < 500; i++) all.push(tf.scalar(i).add(1)); tf.tidy(() => { for (let i = 0; i < 500; i++) tf.scalar(i).add(1); });',
    );
    // The scalars themselves are lost: 500 of them.
    const first = notebook.last;
    await notebook.until(() => notebook.text(first, 'stderr') !== '');
    // V8 may still have the last one in a register.
    assert.match(
      notebook.text(first, 'stderr'),
      /^This cell left (499|500) tensors \(\d\.\d+ KiB\) behind that nothing refers to any more\. Work in tf\.tidy\(\(\) => …\), dispose of what you no longer need, or run %tidy on to do that after each cell\.\n$/,
    );
    await ok(notebook, 'for (let i = 0; i < 500; i++) tf.scalar(i).add(1);');
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(notebook.text(notebook.last, 'stderr'), '');
    // Turned on, it also takes what was lost before.
    await tensors(notebook, 500 + 500 + 1000);
    await tidy(notebook, true);
    await tensors(notebook, 500, 1);
    await ok(notebook, 'all.reduce((sum, one) => sum + one.dataSync()[0], 0)');
    assert.equal(notebook.shown, '125250');
  } finally {
    await notebook.host.dispose();
  }
});

test('tensors in use are no leak', async () => {
  const notebook = openNotebook();
  try {
    await ok(
      notebook,
      'const all = []; for (let i = 0; i < 500; i++) all.push(tf.tidy(() => tf.scalar(i).add(1)));',
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(notebook.text(notebook.last, 'stderr'), '');
  } finally {
    await notebook.host.dispose();
  }
});

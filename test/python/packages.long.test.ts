// The newest ipykernel, widgets, figures, tables and TensorFlow, from the package index, in a venv under .cache that is
// made once. TENSORCELL_TEST_PACKAGES names another environment that has them all.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import type { Cell, JupyterClient } from '../kernel/jupyter-client.ts';
import { KernelProcess } from '../kernel/kernel-process.ts';

const PACKAGES = [
  'ipykernel',
  'ipywidgets',
  'tqdm',
  'matplotlib',
  'pandas',
  'polars',
  'pyarrow',
  'tensorflow-cpu',
];
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function environment(): string {
  const named = process.env['TENSORCELL_TEST_PACKAGES'];
  if (named) return named;
  const folder = join(root, '.cache', 'python-packages');
  if (!existsSync(join(folder, 'bin', 'tqdm'))) {
    rmSync(folder, { recursive: true, force: true });
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
    execFileSync(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '-q', ...PACKAGES], {
      stdio: 'inherit',
    });
  }
  return folder;
}

let kernel: KernelProcess;
let client: JupyterClient;
const slow = { ms: 120_000 };

before(async () => {
  kernel = new KernelProcess();
  client = await kernel.client();
  const cell = await client.cell(
    `%%python --env ${environment()}\nimport sys; sys.version_info[0]`,
    {},
    slow,
  );
  assert.equal(cell.result, '3', cell.reply['evalue']);
});
after(() => kernel.stop());

async function ok(code: string): Promise<Cell> {
  const cell = await client.cell(code, {}, slow);
  assert.equal(cell.reply['status'], 'ok', cell.reply['evalue']);
  return cell;
}

test('a matplotlib figure is shown as PNG', async () => {
  const cell = await ok('%%python\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()');
  const [shown] = cell.of('display_data').filter(({ data }) => 'image/png' in data);
  assert.equal(Buffer.from(shown!['data']['image/png'], 'base64').subarray(1, 4).toString(), 'PNG');
});

test('tqdm moves, as text and as a widget', async () => {
  const text = await ok('%%python\nfrom tqdm import tqdm\nfor _ in tqdm(range(3)): pass');
  assert.match(text.stderr, /\r.*100%.*3\/3/);
  const widget = await ok(
    '%%python\nfrom tqdm.notebook import tqdm as bar\nfor _ in bar(range(3), mininterval=0): pass',
  );
  const opened = widget.iopub.filter(({ type }) => type === 'comm_open').map(({ content }) => content);
  assert.ok(opened.some(({ data }) => data.state._model_name === 'FloatProgressModel'));
  const values = widget.iopub
    .filter(({ type }) => type === 'comm_msg')
    .map(({ content }) => content['data'].state?.value)
    .filter((value) => typeof value === 'number');
  assert.deepEqual(values.slice(-1), [3]);
  const view = widget
    .of('display_data')
    .find(({ data }) => 'application/vnd.jupyter.widget-view+json' in data);
  assert.ok(view);
});

test('a widget that the person moves calls Python back', async () => {
  const cell = await ok(
    '%%python\nimport ipywidgets\nslider = ipywidgets.IntSlider(value=1)\nslider.observe(lambda change: print("moved to", change["new"]), "value")\nslider',
  );
  const model = cell.iopub.find(
    ({ type, content }) => type === 'comm_open' && content['data'].state._model_name === 'IntSliderModel',
  )!;
  const sent = await client.send('shell', 'comm_msg', {
    comm_id: model.content['comm_id'],
    data: { method: 'update', state: { value: 7 }, buffer_paths: [] },
  });
  assert.equal((await client.late(sent, 'stream')).content['text'], 'moved to 7\n');
  client.drain('iopub');
  assert.equal((await ok('%%python\nslider.value')).result, '7');
});

test('an Output widget names the message of its cell, so that the front end can take its output in', async () => {
  const cell = await ok('%%python\nout = ipywidgets.Output()\nwith out:\n    print("inside")');
  const ids = cell.iopub
    .filter(({ type }) => type === 'comm_msg')
    .map(({ content }) => content['data'].state?.msg_id)
    .filter((id) => typeof id === 'string' && id !== '');
  assert.deepEqual([...new Set(ids)], [cell.id]);
});

test('pandas, polars and Arrow tables become arrays of objects, and back', async () => {
  await ok(
    '%%python\nimport pandas, polars, pyarrow\nrows = {"n": [1, 2], "t": ["a", None]}\nframes = pandas.DataFrame(rows), polars.DataFrame(rows), pyarrow.table(rows)',
  );
  for (const at of [0, 1, 2]) {
    const { result } = await ok(`JSON.stringify(await python.get("frames[${at}]"))`);
    assert.equal(result, `'[{"n":1,"t":"a"},{"n":2,"t":null}]'`, String(at));
  }
  for (const [as, type] of [
    ['pandas', 'pandas'],
    ['polars', 'polars'],
    ['arrow', 'pyarrow'],
  ]) {
    await ok(`await python.set("back", [{ n: 1, t: "a" }, { n: 2, t: null }], { as: "${as}" })`);
    const { result } = await ok('%%python\ntype(back).__module__.split(".")[0], back.shape');
    assert.equal(result, `('${type}', (2, 2))`);
  }
  const declared = await ok('%%python --out table\ntable = frames[0]');
  assert.equal(declared.stderr, '');
  assert.equal((await ok('table.map((row) => row.n).join()')).result, "'1,2'");
});

test('TensorFlow tensors are converted, and a Keras model is called', async () => {
  await ok(
    '%%python\nimport os; os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"\nimport keras, tensorflow as tf\nmodel = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")])',
  );
  const value = await ok('(await python.get<tf.Tensor>("tf.constant([[1.5, 2.5]])")).dataSync().join()');
  assert.equal(value.result, "'1.5,2.5'");
  await ok('await python.set("given", tf.tensor1d([1, 2]), { as: "tensorflow" })');
  assert.equal(
    (await ok('%%python\nisinstance(given, tf.Tensor), given.dtype.name')).result,
    "(True, 'float32')",
  );
  const called = await ok('(await python.call<tf.Tensor>("model", tf.tensor2d([[1, 2, 3]]))).arraySync()');
  assert.equal(called.result, '[ [ 6, 6 ] ]');
  const half = await ok(
    'const half = await python.get("tf.cast([1, 2], tf.bfloat16)"); [half.dtype, half.shape, (await python.get<tf.Tensor>("tf.cast([1, 2], tf.bfloat16)", { as: "float32" })).dataSync().join()]',
  );
  assert.equal(half.result, "[ 'bfloat16', [ 2 ], '1,2' ]");
});

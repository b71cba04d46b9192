/** Hostile calls by name: shapes, ranks, counts, dtypes and files that native code must never see unchecked. */
import type * as Tf from '@tensorflow/tfjs';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { datasets, readIdx, readNpy, readNpz, readParquet } from '../../src/data/index.ts';
import { load, open, save } from '../../src/interop/safetensors/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadTensorflow } from '../../src/engines/tensorflow/loading.ts';
import type { Tf as Tensorcell } from '../../src/tfjs/instance.ts';
import { loadModel, loadWeights } from '../../src/training/index.ts';
import { windows } from './hostile-windows.ts';

type Call = (tf: Tensorcell) => unknown;

const keras = fileURLToPath(new URL('../training/keras/', import.meta.url));
let folder: string | undefined;
function scratch(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'tensorcell-hostile-'));
    folder = made;
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  return folder;
}

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(scratch(), name);
  writeFileSync(path, bytes);
  return path;
}

const one = (rank: number): number[] => Array.from({ length: rank }, () => 1);

/** A tensor of a shape without tfjs's own checks: what reaches the binding is what counts. */
function made(tf: Tensorcell, shape: number[], values = new Float32Array(1)): Tf.Tensor {
  return tf.engine().makeTensor(values as never, shape, 'float32');
}

/** Three values in rows as the partitions say. */
function ragged(tf: Tensorcell, partitions: number[][], types: string[]): Tf.Tensor {
  const tensors = partitions.map((one, at) =>
    types[at] === 'FIRST_DIM_SIZE' ? tf.scalar(one[0] as number, 'int32') : tf.tensor1d(one, 'int32'),
  );
  return tf.raggedTensorToTensor(tf.tensor1d([4, 10], 'int32'), [1, 2, 3], 0, tensors, types);
}

const SHAPES: Record<string, number[]> = {
  'a product that overflows, with a zero behind': [2 ** 32, 2 ** 32, 0],
  'a product that overflows, with a zero in front': [0, 2 ** 32, 2 ** 32],
  'a size of 2^63': [2 ** 63, 0],
  'a size that is infinite': [Infinity, 0],
  'a size that is NaN': [Number.NaN],
  'a size of 1.5': [1.5],
  'a negative size': [-1],
  'two negative sizes': [-2, -3],
  '255 axes': one(255),
  '300 axes': one(300),
  '100,000 axes': one(100_000),
};

const shapes: Record<string, Call> = {};
for (const [name, shape] of Object.entries(SHAPES)) {
  const empty = shape.includes(0);
  shapes[`tf.tensor: ${name}`] = (tf) => tf.tensor(empty ? [] : [1], shape).add(1);
  shapes[`a tensor past tfjs: ${name}`] = (tf) => made(tf, shape, new Float32Array(empty ? 0 : 1)).neg();
  shapes[`reshape: ${name}`] = (tf) =>
    tf
      .tensor(empty ? [] : [1])
      .neg()
      .reshape(shape)
      .neg();
  shapes[`fill: ${name}`] = (tf) => tf.fill(shape, 1).neg();
  shapes[`zeros: ${name}`] = (tf) => tf.zeros(shape).neg();
  shapes[`broadcastTo: ${name}`] = (tf) =>
    tf
      .tensor(empty ? [] : [1])
      .neg()
      .broadcastTo(shape);
  shapes[`randomUniform: ${name}`] = (tf) => tf.randomUniform(shape).neg();
  shapes[`scatterND: ${name}`] = (tf) =>
    tf.scatterND(tf.tensor2d([[0]], [1, 1], 'int32'), tf.tensor1d([1]), shape);
  shapes[`variable: ${name}`] = (tf) => tf.variable(made(tf, shape, new Float32Array(empty ? 0 : 1))).add(1);
}

/** Ops that make more axes than both inputs have, at the limit of TensorFlow's. */
const GROWING: Record<string, Call> = {
  'stack of 254 axes': (tf) => tf.stack([tf.ones(one(254)).neg(), tf.ones(one(254)).neg()]),
  'expandDims of 254 axes': (tf) => tf.expandDims(tf.ones(one(254)).neg()).neg(),
  'gather with 200 and 200 axes': (tf) => tf.gather(tf.ones(one(200)).neg(), tf.zeros(one(200), 'int32')),
  'oneHot of 254 axes': (tf) => tf.oneHot(tf.zeros(one(254), 'int32'), 3),
  'tile of 254 axes': (tf) => tf.tile(tf.ones(one(254)).neg(), one(254)),
  'concat of 254 axes': (tf) => tf.concat([tf.ones(one(254)).neg(), tf.ones(one(254)).neg()]),
  'transpose of 254 axes': (tf) => tf.transpose(tf.ones(one(254)).neg()),
  'pad of 254 axes': (tf) =>
    tf.pad(
      tf.ones(one(254)).neg(),
      one(254).map(() => [0, 1] as [number, number]),
    ),
  'slice of 254 axes': (tf) =>
    tf.slice(
      tf.ones(one(254)).neg(),
      one(254).map(() => 0),
    ),
  'sum of 254 axes': (tf) => tf.sum(tf.ones(one(254)).neg()),
  'matMul of 254 axes': (tf) => tf.matMul(tf.ones(one(254)).neg(), tf.ones(one(254)).neg()),
  'outer sum of 254 and 1 axes': (tf) =>
    tf
      .ones(one(254))
      .neg()
      .add(tf.ones([3])),
  'reshape to 255 axes': (tf) => tf.ones([1]).neg().reshape(one(255)).neg(),
  'unstack of 254 axes': (tf) => tf.unstack(tf.ones(one(254)).neg()).length,
};

const ops: Record<string, Call> = {
  'conv2d with huge strides': (tf) =>
    tf.conv2d(tf.ones<Tf.Rank.R4>([1, 8, 8, 1]), tf.ones<Tf.Rank.R4>([2, 2, 1, 1]), 2 ** 31, 'valid'),
  'conv2d with a stride of 0': (tf) =>
    tf.conv2d(tf.ones<Tf.Rank.R4>([1, 8, 8, 1]), tf.ones<Tf.Rank.R4>([2, 2, 1, 1]), 0, 'valid'),
  'maxPool with a size of 0': (tf) => tf.maxPool(tf.ones<Tf.Rank.R4>([1, 8, 8, 1]), 0, 1, 'valid'),
  'maxPool with a negative size': (tf) => tf.maxPool(tf.ones<Tf.Rank.R4>([1, 8, 8, 1]), -1, 1, 'valid'),
  'oneHot with a negative depth': (tf) => tf.oneHot(tf.tensor1d([0], 'int32'), -1),
  'oneHot with a depth of 2^40': (tf) => tf.oneHot(tf.tensor1d([0], 'int32'), 2 ** 40),
  'slice out of bounds': (tf) => tf.slice(tf.ones([3]), [2], [9]),
  'gather out of bounds': (tf) => tf.gather(tf.ones([3]), tf.tensor1d([7], 'int32')),
  'gather with negative indices': (tf) => tf.gather(tf.ones([3]), tf.tensor1d([-7], 'int32')),
  'resize to nothing': (tf) => tf.image.resizeBilinear(tf.ones<Tf.Rank.R4>([1, 2, 2, 1]), [0, 0]),
  'resize to 2^31': (tf) =>
    tf.image.resizeBilinear(tf.ones<Tf.Rank.R4>([1, 2, 2, 1]), [2 ** 31 - 1, 2 ** 31 - 1]),
  'raggedTensorToTensor: splits that fall': (tf) => ragged(tf, [[0, 2 ** 31 - 1, -3]], ['ROW_SPLITS']),
  'raggedTensorToTensor: splits past the values': (tf) => ragged(tf, [[0, 2 ** 31 - 1]], ['ROW_SPLITS']),
  'raggedTensorToTensor: outer splits past JavaScript arrays': (tf) =>
    ragged(
      tf,
      [
        [0, 2 ** 31 - 1],
        [0, 3],
      ],
      ['ROW_SPLITS', 'ROW_SPLITS'],
    ),
  'raggedTensorToTensor: a first dimension past JavaScript arrays': (tf) =>
    ragged(tf, [[2 ** 31 - 1], [0, 1, 2]], ['FIRST_DIM_SIZE', 'VALUE_ROWIDS']),
  'raggedTensorToTensor: row ids that fall': (tf) =>
    ragged(tf, [[4], [0, 2 ** 31 - 1, -3]], ['FIRST_DIM_SIZE', 'VALUE_ROWIDS']),
  'raggedTensorToTensor: row ids past the rows': (tf) =>
    ragged(tf, [[4], [0, 1, 2 ** 31 - 1]], ['FIRST_DIM_SIZE', 'VALUE_ROWIDS']),
  'sparseFillEmptyRows of more rows than JavaScript arrays have': (tf) =>
    tf.sparse.sparseFillEmptyRows([[0, 0]], [1], [2 ** 31 - 1, 5], 0),
  'tile to more than memory': (tf) => tf.tile(tf.ones([1000]).neg(), [2 ** 31 - 1]),
  'a sparse tensor out of bounds': (tf) => tf.sparseToDense(tf.tensor1d([9], 'int32'), tf.tensor1d([1]), [3]),
  'crop boxes of NaN': (tf) =>
    tf.image.cropAndResize(
      tf.ones<Tf.Rank.R4>([1, 4, 4, 1]),
      tf.tensor2d([[NaN, NaN, 2e9, 2e9]]),
      tf.tensor1d([5], 'int32'),
      [2, 2],
    ),
  'topk with more than there is': (tf) => tf.topk(tf.ones([3]), 9),
  'linspace of 2^33': (tf) => tf.linspace(0, 1, 2 ** 33).neg(),
  'a shape changed afterwards': (tf) => {
    const tensor = tf.ones([4]).neg();
    (tensor as { shape: number[] }).shape = [100_000_000];
    save(join(scratch(), 'changed.safetensors'), { tensor });
  },
  'an fft of nothing': (tf) => tf.spectral.fft(tf.complex(tf.zeros([0]), tf.zeros([0]))),
  'a string as a number': (tf) => tf.tensor(['a', 'b']).add(1),
  'numbers as strings': (tf) => tf.tensor([1, 2] as never, [2], 'string').dataSync().length,
  'decodePng of a picture of 2^31 pixels': (tf) => {
    const png = readFileSync(fileURLToPath(new URL('../data/goldens/picture.png', import.meta.url)));
    png.writeUInt32BE(2 ** 31 - 1, 16);
    png.writeUInt32BE(2 ** 31 - 1, 20);
    return tf.node.decodePng(png);
  },
  'decodeImage of nothing': (tf) => tf.node.decodeImage(new Uint8Array(0)),
  'decodeImage of noise': (tf) => tf.node.decodeImage(Uint8Array.from({ length: 999 }, (_, at) => at * 7)),
  'encodePng of a wrong shape': async (tf) => tf.node.encodePng(tf.ones<Tf.Rank.R3>([2, 2, 9])),
};

interface Backend {
  loadSavedModelMetaGraph(folder: string, tags: string): number;
  runSavedModel(id: number, inputs: Tf.Tensor[], infos: object[], outputs: string[]): Tf.Tensor[];
}

const info = (name: string): object => ({ name, dtype: 'float32', tfDtype: 'DT_FLOAT' });

/** Of the signature: where its first input and output are. */
function run(
  tf: Tensorcell,
  inputs: (tf: Tensorcell) => Tf.Tensor[],
  names: string[],
  outputs: string[],
): unknown {
  const backend = tf.backend() as unknown as Backend;
  const id = backend.loadSavedModelMetaGraph(join(keras, 'saved-models/dense'), 'serve');
  return backend.runSavedModel(id, inputs(tf), names.map(info), outputs).length;
}

function damagedModel(name: string, damage: (folder: string) => void): string {
  const copy = join(scratch(), name);
  cpSync(join(keras, 'saved-models/dense'), copy, { recursive: true });
  damage(copy);
  return copy;
}

const variables = 'variables/variables.data-00000-of-00001';
const dense = join(keras, 'saved-models/dense');
const savedModels: Record<string, Call> = {
  'SavedModel: two inputs for one': async (tf) =>
    (await loadModel(dense)).predict([tf.ones([1, 3]), tf.ones([1, 3])]),
  'SavedModel: no input': async () => (await loadModel(dense)).predict([]),
  'SavedModel: another width': async (tf) => (await loadModel(dense)).predict(tf.ones([2, 99])),
  'SavedModel: another rank': async (tf) => (await loadModel(dense)).predict(tf.ones([2, 3, 3, 3])),
  'SavedModel: text for numbers': async (tf) =>
    (await loadModel(dense)).predict(tf.tensor([['a', 'b', 'c']])),
  'SavedModel: after dispose': async (tf) => {
    const model = await loadModel(dense);
    model.dispose();
    return model.predict(tf.ones([1, 3]));
  },
  'SavedModel run: more tensors than names': (tf) =>
    run(
      tf,
      () => [tf.ones([1, 3]), tf.ones([1, 3])],
      ['serving_default_features:0'],
      ['StatefulPartitionedCall:0'],
    ),
  'SavedModel run: more names than tensors': (tf) =>
    run(
      tf,
      () => [tf.ones([1, 3])],
      ['serving_default_features:0', 'serving_default_features:0'],
      ['StatefulPartitionedCall:0'],
    ),
  'SavedModel run: text for numbers': (tf) =>
    run(tf, () => [tf.tensor(['a'])], ['serving_default_features:0'], ['StatefulPartitionedCall:0']),
  'SavedModel run: int32 for float32': (tf) =>
    run(tf, () => [tf.ones([1, 3], 'int32')], ['serving_default_features:0'], ['StatefulPartitionedCall:0']),
  'SavedModel run: another shape': (tf) =>
    run(tf, () => [tf.ones([7])], ['serving_default_features:0'], ['StatefulPartitionedCall:0']),
  'SavedModel layer: two inputs for one': async (tf) =>
    (await loadModel(dense)).layers.at(-1)!.call([tf.ones([1, 3]), tf.ones([1, 3])], {}),
  'SavedModel layer: another shape': async (tf) =>
    (await loadModel(dense)).layers.at(-1)!.call(tf.ones([7, 7]), {}),
  'SavedModel run: an unknown name': (tf) => run(tf, () => [tf.ones([1, 3])], ['x:0'], ['y:0']),
  'SavedModel run: output 99': (tf) => run(tf, () => [], [], ['StatefulPartitionedCall:99']),
  'SavedModel run: output -1': (tf) => run(tf, () => [], [], ['StatefulPartitionedCall:-1']),
  'SavedModel run: output NaN': (tf) => run(tf, () => [], [], ['StatefulPartitionedCall:x']),
  'SavedModel: saved_model.pb cut short': async () =>
    loadModel(damagedModel('cut', (path) => truncateSync(join(path, 'saved_model.pb'), 20_000))),
  'SavedModel: variables cut short': async () =>
    loadModel(damagedModel('short', (path) => truncateSync(join(path, variables), 3))),
  'SavedModel: no variables': async () =>
    loadModel(damagedModel('without', (path) => rmSync(join(path, 'variables'), { recursive: true }))).then(
      (model) => model.predict(loadTf().ones([1, 3])),
    ),
  'SavedModel: an index of noise': async () =>
    loadModel(
      damagedModel('noise', (path) =>
        writeFileSync(join(path, 'variables/variables.index'), Buffer.alloc(300, 7)),
      ),
    ),
  'SavedModel: saved_model.pb empty': async () =>
    loadModel(damagedModel('empty', (path) => truncateSync(join(path, 'saved_model.pb'), 0))),
};

function npy(shape: string, bytes = 16, descr = '<f4', order = 'False'): string {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`.padEnd(117) + '\n';
  const head = Buffer.from(`\x93NUMPY\x01\x00v\x00${header}`, 'latin1');
  return file(`${shape.length}-${descr.length}-${order}.npy`, Buffer.concat([head, Buffer.alloc(bytes)]));
}

function safetensors(header: unknown, bytes = 16): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return file('hostile.safetensors', Buffer.concat([length, json, Buffer.alloc(bytes)]));
}

const entry = (shape: unknown, offsets: unknown, dtype = 'F32'): object => ({
  w: { dtype, shape, data_offsets: offsets },
});

const files: Record<string, Call> = {};
const NPY_SHAPES = {
  'a product that overflows': '4294967296, 4294967296, 0',
  'a size of 2^80': '1208925819614629174706176, 0',
  '300 axes': '1,'.repeat(300),
  'more than the file holds': '1000000000,',
  'a size twice': '4 4',
};
for (const [name, shape] of Object.entries(NPY_SHAPES)) {
  files[`npy: ${name}`] = () => readNpy(npy(shape, 4)).neg();
  files[`npy in Fortran order: ${name}`] = () => readNpy(npy(shape, 4, '<f4', 'True')).neg();
  files[`a data set of npy: ${name}`] = async () => datasets.arrays({ xs: npy(shape, 4) });
}
Object.assign(files, {
  'npy: a header of 4 GB': () =>
    readNpy(file('long.npy', Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1'))),
  'npy: values of no size': () => readNpy(npy('4,', 16, '<f0')),
  'idx: 255 axes': () =>
    readIdx(
      file('axes.idx', Buffer.concat([Buffer.from([0, 0, 8, 255]), Buffer.alloc(1020, 1), Buffer.alloc(9)])),
    ),
  'idx: a product that overflows': () =>
    readIdx(
      file('large.idx', Buffer.from([0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0])),
    ).neg(),
  'idx: 255 axes with a zero': () =>
    readIdx(
      file('zero.idx', Buffer.concat([Buffer.from([0, 0, 8, 255]), Buffer.alloc(1016, 1), Buffer.alloc(4)])),
    ).neg(),
  'npz: no archive': () => readNpz(file('noise.npz', Buffer.alloc(200, 9))),
  'safetensors: a product that overflows': () =>
    load(safetensors(entry([2 ** 32, 2 ** 32, 0], [0, 0]), 0))['w'],
  'safetensors: 300 axes': () => (load(safetensors(entry(one(300), [0, 4]), 4))['w'] as Tf.Tensor).neg(),
  'safetensors: a negative size': () => load(safetensors(entry([-4], [0, 16]))),
  'safetensors: offsets that overlap': () =>
    load(
      safetensors({
        a: { dtype: 'F32', shape: [4], data_offsets: [0, 16] },
        b: { dtype: 'F32', shape: [4], data_offsets: [0, 16] },
      }),
    ),
  'safetensors: offsets behind the end': () => load(safetensors(entry([400], [0, 1600]))),
  'safetensors: half a byte': () => load(safetensors(entry([1], [0, 0.5], 'F4'))),
  'safetensors: a header of 2^63': () => {
    const path = safetensors(entry([4], [0, 16]));
    const bytes = readFileSync(path);
    bytes.writeBigUInt64LE(2n ** 63n);
    return load(file('header.safetensors', bytes));
  },
  'safetensors: cut short after it was opened': () => {
    const path = safetensors(entry([1_000_000], [0, 4_000_000]), 4_000_000);
    const opened = open(path);
    truncateSync(path, 200);
    return opened.get('w');
  },
  'safetensors: cut short after it was opened, as an array': () => {
    const path = safetensors(entry([1_000_000], [0, 4_000_000], 'F16'.replace('F16', 'F32')), 4_000_000);
    const opened = open(path);
    truncateSync(path, 200);
    return opened.get('w', { as: 'array' });
  },
  'tf.data.csv of a device': async (tf: Tensorcell) => tf.data.csv('file:///dev/zero').take(1).toArray(),
  'tf.data.csv of a folder': async (tf: Tensorcell) => tf.data.csv('file:///dev').take(1).toArray(),
  'parquet: no file of it': async () => readParquet(file('noise.parquet', Buffer.alloc(100, 80))),
  'parquet: a footer of 4 GB': async () =>
    readParquet(file('footer.parquet', Buffer.from('PAR1....\xff\xff\xff\xffPAR1', 'latin1'))),
  'h5: a file cut short': async (tf: Tensorcell) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    await loadWeights(model, file('cut.weights.h5', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')));
  },
});

function spec(weight: object, bytes: number): string {
  const where = join(scratch(), `model-${Math.random().toString(36).slice(2)}`);
  mkdirSync(where);
  writeFileSync(join(where, 'w.bin'), Buffer.alloc(bytes));
  const topology = {
    class_name: 'Sequential',
    config: {
      name: 's',
      layers: [{ class_name: 'Dense', config: { units: 1, batch_input_shape: [null, 1] } }],
    },
  };
  writeFileSync(
    join(where, 'model.json'),
    JSON.stringify({ modelTopology: topology, weightsManifest: [{ paths: ['w.bin'], weights: [weight] }] }),
  );
  return where;
}
Object.assign(files, {
  'model.json: a weight that overflows': async () =>
    loadModel(spec({ name: 'dense/kernel', shape: [2 ** 32, 2 ** 32, 0], dtype: 'float32' }, 0)),
  'model.json: a weight of 300 axes': async () =>
    loadModel(spec({ name: 'dense/kernel', shape: one(300), dtype: 'float32' }, 4)),
  'model.json: a negative size': async () =>
    loadModel(spec({ name: 'dense/kernel', shape: [-1], dtype: 'float32' }, 4)),
  'model.json: a layer of 2^40 units': async (tf: Tensorcell) =>
    tf.sequential({ layers: [tf.layers.dense({ units: 2 ** 40, inputShape: [2 ** 40] })] }),
});

/** The binding itself, as tfjs's backend calls it. */
const binding: Record<string, Call> = {
  'binding: an op that there is not': () => loadTensorflow()!.binding.executeOp('NoSuchOp', [], [], 1),
  'binding: an attribute shape of 300 axes': () =>
    loadTensorflow()!.binding.executeOp('VarHandleOp', [{ name: 'shape', type: 5, value: one(300) }], [], 1),
  'binding: an attribute shape of -7': () =>
    loadTensorflow()!.binding.executeOp('VarHandleOp', [{ name: 'shape', type: 5, value: [-7] }], [], 1),
  'binding: a tensor of an unknown dtype': () => loadTensorflow()!.binding.createTensor([1], 99, [1]),
  'binding: a tensor that was never made': () => loadTensorflow()!.binding.executeOp('Neg', [], [123_456], 1),
  'binding: fewer values than the shape': () => loadTensorflow()!.binding.createTensor([4], 1, [1]),
};

export const HOSTILE: Readonly<Record<string, Call>> = {
  ...shapes,
  ...GROWING,
  ...ops,
  ...windows,
  ...savedModels,
  ...files,
  ...binding,
};

/** Calls that TensorFlow or tfjs can do after all: a result is as good as an error. */
export const HARMLESS: ReadonlySet<string> = new Set<string>([
  // tfjs computes an open size.
  'reshape: a negative size',
  ...['tile', 'concat', 'transpose', 'slice', 'sum', 'unstack'].map((op) => `${op} of 254 axes`),
  'outer sum of 254 and 1 axes',
  'an fft of nothing',
]);

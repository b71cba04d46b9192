import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as Tf from '@tensorflow/tfjs';
import { readRegular } from '../../base/files/index.ts';
import { protoText, readProto } from '../../base/protobuf/reader.ts';
import type { ProtoField } from '../../base/protobuf/reader.ts';
import { malformed, ModelFileError, unsupported } from './errors.ts';

/** The class name of the layer that stands for a SavedModel. */
const SAVED_MODEL = 'SavedModel';

/** The tag of what serves, and the signature that Keras and `tf.saved_model.save` write. */
const TAG = 'serve';
const SIGNATURE = 'serving_default';

/** One input or output of a signature: `x:0` in the graph. */
export interface SignatureTensor {
  key: string;
  name: string;
  /** TensorFlow's enum DataType. */
  dtype: number;
  /** -1 where any size goes; undefined where even the rank is open. */
  shape: number[] | undefined;
}

export interface Signature {
  inputs: SignatureTensor[];
  outputs: SignatureTensor[];
}

/** TensorFlow's types (types.proto) as tfjs and its kernels name them. */
const DTYPES: Readonly<Record<number, readonly [tfjs: Tf.DataType, proto: string]>> = {
  1: ['float32', 'DT_FLOAT'],
  3: ['int32', 'DT_INT32'],
  4: ['int32', 'DT_UINT8'],
  7: ['string', 'DT_STRING'],
  9: ['int32', 'DT_INT64'],
  10: ['bool', 'DT_BOOL'],
};

/** tfjs-node's backend, as far as it runs SavedModels. */
interface SavedModelBackend {
  loadSavedModelMetaGraph(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(
    id: number,
    inputs: Tf.Tensor[],
    infos: { name: string; dtype: string; tfDtype: string }[],
    outputs: string[],
  ): Tf.Tensor[];
}

export function isSavedModel(path: string): boolean {
  return existsSync(join(path, 'saved_model.pb'));
}

function messages(fields: readonly ProtoField[], field: number): ProtoField[][] {
  return fields.flatMap(({ field: number, value }) =>
    number === field && value instanceof Uint8Array ? [readProto(value)] : [],
  );
}

/** TensorInfo: name 1, dtype 2, tensor_shape 3 { dim 2 { size 1 }, unknown_rank 3 }. */
function tensorInfo(entry: readonly ProtoField[]): SignatureTensor {
  const info = messages(entry, 2)[0] ?? [];
  const shape = messages(info, 3)[0] ?? [];
  const unknown = shape.some(({ field, value }) => field === 3 && value !== 0);
  const sizes = messages(shape, 2).map((dim) => {
    const size = dim.find(({ field }) => field === 1)?.value;
    // -1 is written as an unsigned number of 64 bits.
    return typeof size === 'number' && size < 2 ** 53 ? size : size === undefined ? 0 : -1;
  });
  return {
    key: protoText(entry, 1),
    name: protoText(info, 1),
    dtype: Number(info.find(({ field }) => field === 2)?.value ?? 0),
    shape: unknown ? undefined : sizes,
  };
}

/**
 * The inputs and outputs of a SavedModel, in the order of their names: what `serving_default` takes, for the tag `serve`.
 * saved_model.proto: SavedModel.meta_graphs 2, MetaGraphDef.meta_info_def 1 { tags 4 } and signature_def 5.
 *
 * @throws ModelFileError where there is no such signature.
 */
function readSignature(bytes: Uint8Array, path: string): Signature {
  let graphs: ProtoField[][];
  try {
    graphs = messages(readProto(bytes), 2);
  } catch (error) {
    throw malformed(`${path} is not a SavedModel, or is damaged`, error);
  }
  const tagged = graphs.find((graph) =>
    messages(graph, 1).some((info) =>
      info.some(
        ({ field, value }) =>
          field === 4 && value instanceof Uint8Array && new TextDecoder().decode(value) === TAG,
      ),
    ),
  );
  if (tagged === undefined) throw malformed(`${path} has no graph for the tag '${TAG}'`);
  const signatures = messages(tagged, 5);
  const names = signatures.map((entry) => protoText(entry, 1));
  const signature = messages(signatures[names.indexOf(SIGNATURE)] ?? [], 2)[0];
  if (signature === undefined) {
    throw malformed(
      `${path} has no signature '${SIGNATURE}', only ${names.join(', ') || 'none'}: save it with signatures={'${SIGNATURE}': …}`,
    );
  }
  const byName = (a: SignatureTensor, b: SignatureTensor): number => (a.key < b.key ? -1 : 1);
  return {
    inputs: messages(signature, 1).map(tensorInfo).toSorted(byName),
    outputs: messages(signature, 2).map(tensorInfo).toSorted(byName),
  };
}

function dtypeOf({ key, dtype }: SignatureTensor, path: string): readonly [tfjs: Tf.DataType, proto: string] {
  const found = DTYPES[dtype];
  if (found === undefined)
    throw unsupported(`${path}: '${key}' has a type of TensorFlow (${dtype}) that tfjs does not have`);
  return found;
}

function symbolicShape({ key, shape }: SignatureTensor, path: string): (number | null)[] {
  if (shape === undefined || shape.length === 0) {
    throw unsupported(
      `${path}: '${key}' is a single value or may have any rank, and a layer's tensors have rows`,
    );
  }
  return shape.map((size) => (size < 0 ? null : size));
}

/** tfjs's models have no inputs of one dimension: such a one is taken as a column. */
function inputShape(one: SignatureTensor, path: string): (number | null)[] {
  const shape = symbolicShape(one, path);
  return shape.length === 1 ? [...shape, 1] : shape;
}

/** @throws RangeError, TypeError where the tensors are not what the signature takes: TensorFlow itself checks less */
function checkInputs({ inputs }: Signature, tensors: readonly Tf.Tensor[], path: string): void {
  const names = inputs.map(({ key }) => key).join(', ');
  if (tensors.length !== inputs.length) {
    throw new RangeError(
      `${path} takes ${inputs.length === 1 ? 'one input' : `${inputs.length} inputs`} (${names || 'none'}), and ${tensors.length} tensors were given`,
    );
  }
  for (const [at, { key, shape, dtype }] of inputs.entries()) {
    const tensor = tensors[at] as Tf.Tensor;
    const wanted = dtypeOf({ key, dtype, name: '', shape }, path)[0];
    if ((wanted === 'string') !== (tensor.dtype === 'string')) {
      throw new TypeError(`${path}: input ${key} takes ${wanted}, and a tensor of ${tensor.dtype} was given`);
    }
    // One of a single dimension is taken as a column.
    if (shape === undefined || shape.length === 1) continue;
    const fits =
      tensor.shape.length === shape.length &&
      shape.every((size, axis) => size < 0 || size === tensor.shape[axis]);
    if (!fits) {
      throw new RangeError(
        `${path}: input ${key} takes the shape [${shape.map((size) => (size < 0 ? 'any' : size)).join(', ')}], and a tensor of shape [${tensor.shape.join(', ')}] was given`,
      );
    }
  }
}

/** Whether a backend is that of tfjs-node. */
function runsSavedModels(backend: object): backend is SavedModelBackend {
  return 'loadSavedModelMetaGraph' in backend && typeof backend.loadSavedModelMetaGraph === 'function';
}

/**
 * A SavedModel as a model that predicts: one layer, whose inputs and outputs are those of its signature in the order of
 * their names. It has no weights that tfjs could see, so it is neither trained nor saved again.
 *
 * @throws ModelFileError for what has no signature, or types and shapes that tfjs does not have.
 */
export function loadSavedModel(tf: typeof Tf, folder: string): Tf.LayersModel {
  const runner: object = tf.backend();
  if (!runsSavedModels(runner)) {
    throw new ModelFileError(
      'TENSORCELL_MODEL_UNSUPPORTED',
      `${folder} is a SavedModel, which only TensorFlow runs, and the backend is '${tf.getBackend()}': \`%doctor\` shows why`,
    );
  }
  const signature = readSignature(readRegular(join(folder, 'saved_model.pb')), folder);
  const inputs = signature.inputs.map((one) =>
    tf.input({
      batchShape: inputShape(one, folder),
      dtype: dtypeOf(one, folder)[0],
      name: one.key,
    }),
  );
  const shapes = signature.outputs.map((one) => symbolicShape(one, folder));
  const infos = signature.inputs.map((one) => {
    const [dtype, tfDtype] = dtypeOf(one, folder);
    return { name: one.name, dtype, tfDtype };
  });
  const id = runner.loadSavedModelMetaGraph(folder, TAG);
  const run = (tensors: Tf.Tensor | Tf.Tensor[]): Tf.Tensor[] =>
    tf.tidy(() => {
      checkInputs(signature, [tensors].flat(), folder);
      const given = [tensors].flat().map((tensor, at) => {
        const column = signature.inputs[at]?.shape?.length === 1;
        return (column ? tensor.flatten() : tensor).cast(infos[at]?.dtype as Tf.DataType);
      });
      return runner.runSavedModel(
        id,
        given,
        infos,
        signature.outputs.map(({ name }) => name),
      );
    });
  const one = <T>(list: T[]): T | T[] => (list.length === 1 ? (list[0] as T) : list);

  class SavedModelLayer extends tf.layers.Layer {
    static readonly className = SAVED_MODEL;

    override computeOutputShape(): (number | null)[] | (number | null)[][] {
      return one<(number | null)[]>(shapes);
    }

    override call(tensors: Tf.Tensor | Tf.Tensor[]): Tf.Tensor | Tf.Tensor[] {
      return one(run(tensors));
    }
  }

  const layer = new SavedModelLayer({ name: SAVED_MODEL.toLowerCase(), trainable: false });
  const model = tf.model({ inputs, outputs: layer.apply(one(inputs)) as Tf.SymbolicTensor });
  const dispose = model.dispose.bind(model);
  Object.assign(model, {
    // It is a graph already: there is nothing to compile, and batches need not be cut.
    predictLoop: (tensors: Tf.Tensor | Tf.Tensor[]) => one(run(tensors)),
    dispose: () => {
      const counts = dispose();
      runner.deleteSavedModel(id);
      return counts;
    },
  });
  return model;
}

/** @throws ModelFileError for a model that holds a SavedModel, which cannot be written again. */
export function refuseSavedModel(model: Tf.LayersModel): void {
  const layer = model.layers.find((one) => one.getClassName() === SAVED_MODEL);
  if (layer !== undefined)
    throw unsupported(
      `layer ${layer.name} is a SavedModel, which is read for inference only: copy its folder instead`,
    );
}

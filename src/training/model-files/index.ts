import type * as Tf from '@tensorflow/tfjs';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readRegular, writeWhole } from '../../base/files/index.ts';
import { ownerOf } from '../owner.ts';
import { theTf } from '../../tfjs/current.ts';
import { malformed, parseModelJson } from './errors.ts';
import { hdf5Problem, readHdf5, writeHdf5 } from './hdf5.ts';
import type { StoredArray, StoredGroup } from './hdf5.ts';
import { byOutputNames, compileFromKeras, toCompileConfig } from './keras-compile.ts';
import { optimizerState, restoreState } from './keras-optimizers.ts';
import type { OptimizerState } from './keras-optimizers.ts';
import { buildModel } from './keras-builder.ts';
import { toKerasConfig } from './keras-config.ts';
import { loadH5 } from './keras-h5.ts';
import type { Json } from './keras-layers.ts';
import { setWeightsFrom, weightGroups } from './keras-weights.ts';
import { isSavedModel, loadSavedModel, refuseSavedModel } from './saved-model.ts';
import { fromTopology, loadFolder, saveFolder } from './tfjs-folder.ts';
import { unzip, zipParts, zipProblem } from './zip.ts';

export { ModelFileError } from './errors.ts';
export type { ModelFileCode } from './errors.ts';

/** The Keras whose files these are like. */
const KERAS_VERSION = '3.15.1';

/**
 * Saves a model with its weights and, where it was trained, the state of its optimizer. A name that ends with
 * `.keras` gives a file that Keras 3 loads; any other a folder that tfjs loads (`model.json`). A save that is
 * interrupted leaves what was there before.
 *
 * @throws ModelFileError naming the layer that a `.keras` file cannot hold; FileError when it cannot be written (a disk that
 * is full): the file that was there before is kept then.
 */
export async function saveModel(model: Tf.LayersModel, path: string): Promise<void> {
  const whole = ownerOf(model);
  refuseSavedModel(whole);
  if (!path.endsWith('.keras')) return saveFolder(whole, path);
  const compile = toCompileConfig(theTf(), whole);
  const known = typeof compile === 'object';
  const config = { ...toKerasConfig(whole), ...(known ? { compile_config: compile } : {}) };
  const groups = await weightGroups(whole);
  const state = known ? await optimizerState(whole) : undefined;
  if (typeof compile === 'string')
    process.stderr.write(
      `${path}: saved without its optimizer, ${compile}; compile the model after loading\n`,
    );
  if (state !== undefined) groups.set('optimizer/vars', optimizerGroup(state));
  const weights = await writeHdf5(groups);
  const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const members = {
    'metadata.json': text({ keras_version: KERAS_VERSION, date_saved: dateText(new Date()) }),
    'config.json': text(config),
    'model.weights.h5': weights,
  };
  writeWhole(path, zipParts(members), { check: (file) => zipProblem(file, Object.keys(members)) });
}

function dateText(date: Date): string {
  return date.toISOString().slice(0, 19).replace('T', '@');
}

/** Keras keeps the step count and the learning rate before everything else. */
function optimizerGroup(state: OptimizerState): StoredGroup {
  return {
    name: 'optimizer',
    arrays: [
      { shape: [], values: BigInt64Array.of(BigInt(state.iterations)) },
      { shape: [], values: Float32Array.of(state.learningRate ?? 0) },
      ...state.slots,
    ],
  };
}

function optimizerFrom(arrays: ReadonlyMap<string, StoredArray>): OptimizerState | undefined {
  const at = (index: number): StoredArray | undefined => arrays.get(`optimizer/vars/${index}`);
  const iterations = at(0);
  const rate = at(1);
  if (iterations === undefined || rate === undefined) return undefined;
  const slots: OptimizerState['slots'] = [];
  for (let index = 2; at(index) !== undefined; index++) {
    const { shape, values } = at(index) as StoredArray;
    slots.push({ shape, values: values as Float32Array });
  }
  return { iterations: Number(iterations.values[0]), learningRate: Number(rate.values[0]), slots };
}

export interface LoadOptions {
  /** Compile the model as it was saved, with the state of its optimizer. Default true. */
  compile?: boolean;
}

/**
 * Loads what {@link saveModel} wrote, or Keras 3 (`.keras`), Keras 2 (`.h5`), or tfjs (`model.json` or its folder). The folder of a
 * SavedModel gives a model that predicts, and is not trained: its inputs and outputs are those of `serving_default`.
 *
 * @throws ModelFileError for a damaged file, and naming the layer that tfjs does not have.
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<Tf.LayersModel> {
  if (/\.(h5|hdf5)$/.test(path)) return loadH5File(path, options.compile ?? true);
  if (!path.endsWith('.keras')) {
    if (isSavedModel(path)) return loadSavedModel(theTf(), path);
    const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    return loadFolder(theTf(), folder ? join(path, 'model.json') : path);
  }
  const tf = theTf();
  const members = unzip(readRegular(path), path);
  const member = (name: string): Buffer => {
    const found = members.get(name);
    if (found === undefined) throw malformed(`${path} is not a file of Keras 3: it has no ${name}`);
    return found;
  };
  const config = parseModelJson(member('config.json'), `${path}: config.json`);
  const model = await fromTopology(path, async () => buildModel(tf, config, path));
  const arrays = await readHdf5(member('model.weights.h5'), path);
  setWeightsFrom(tf, model, arrays, path);
  if (options.compile ?? true) {
    const lost = await compileFromKeras(
      tf,
      model,
      byOutputNames(model, config, config['compile_config'] as Json | undefined),
      optimizerFrom(arrays),
    );
    if (lost !== undefined) process.stderr.write(`${path}: ${lost}\n`);
  }
  return model;
}

/** A file of Keras 2, or of Keras 3's older format. */
async function loadH5File(path: string, compiled: boolean): Promise<Tf.LayersModel> {
  if (path.endsWith('.weights.h5'))
    throw malformed(`${path} holds only weights: build the model and pass both to loadWeights`);
  const tf = theTf();
  const { model, compile, state } = await loadH5(tf, readRegular(path), path);
  if (compiled && compile !== undefined) {
    const lost = await compileFromKeras(tf, model, compile, state);
    if (lost !== undefined) process.stderr.write(`${path}: ${lost}\n`);
  }
  return model;
}

/** Saves weights only, as Keras's `save_weights`: a name that ends with `.weights.h5`. */
export async function saveWeights(model: Tf.LayersModel, path: string): Promise<void> {
  const whole = ownerOf(model);
  const groups = await weightGroups(whole);
  const state = await optimizerState(whole);
  if (state !== undefined) groups.set('optimizer/vars', optimizerGroup(state));
  writeWhole(path, await writeHdf5(groups), { check: hdf5Problem });
}

/** Loads such weights into a model of the same layers. @throws ModelFileError naming the layer that does not fit. */
export async function loadWeights(model: Tf.LayersModel, path: string): Promise<void> {
  setWeightsFrom(theTf(), ownerOf(model), await readHdf5(readRegular(path), path), path);
}

/** Loads weights and, where the file has it, the optimizer's state: the model has to be compiled as it was. */
export async function loadTrainingState(model: Tf.LayersModel, path: string): Promise<void> {
  const arrays = await readHdf5(readRegular(path), path);
  const tf = theTf();
  setWeightsFrom(tf, model, arrays, path);
  const state = optimizerFrom(arrays);
  const optimizer = (model as { optimizer?: Tf.Optimizer }).optimizer;
  if (optimizer !== undefined) {
    const lost = await restoreState(tf, model, optimizer, state);
    if (lost !== undefined) throw malformed(`${path}: ${lost}`);
  }
}

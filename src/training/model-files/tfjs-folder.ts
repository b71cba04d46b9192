import type * as Tf from '@tensorflow/tfjs';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { readRegular, writeTogether } from '../../base/files/index.ts';
import { malformed, ModelFileError, parseModelJson } from './errors.ts';

function bytesOf(data: Tf.io.WeightData | undefined): Buffer {
  const parts = data === undefined ? [] : Array.isArray(data) ? data : [data];
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

/** The content of `model.json` for these artifacts, with weights in the file `name`. */
function modelJson(artifacts: Tf.io.ModelArtifacts, name: string): Record<string, unknown> {
  const { modelTopology, format, generatedBy, convertedBy } = artifacts;
  const { trainingConfig, signature, userDefinedMetadata, modelInitializer, weightSpecs } = artifacts;
  // Properties that are undefined are left out by JSON.
  return {
    modelTopology,
    format,
    generatedBy,
    convertedBy,
    trainingConfig,
    signature,
    userDefinedMetadata,
    modelInitializer,
    weightsManifest: [{ paths: [name], weights: weightSpecs ?? [] }],
  };
}

/** Writes weights and `file` (`model.json`): both are replaced, or none. */
function writeArtifacts(file: string, artifacts: Tf.io.ModelArtifacts, weightsName?: string): string {
  const weights = bytesOf(artifacts.weightData);
  const name =
    weightsName ?? `weights.${createHash('sha256').update(weights).digest('hex').slice(0, 16)}.bin`;
  const json = Buffer.from(JSON.stringify(modelJson(artifacts, name)));
  writeTogether([
    [join(dirname(file), name), weights],
    [file, json],
  ]);
  return name;
}

/**
 * Writes tfjs's layers format: weights under a name made of their content, then `model.json`, which is what makes
 * them the model. Files of an earlier save are removed last.
 */
export async function saveFolder(model: Tf.LayersModel, folder: string): Promise<void> {
  const file = folder.endsWith('.json') ? folder : join(folder, 'model.json');
  const target = dirname(file);
  await model.save(
    {
      save: async (artifacts) => {
        const name = writeArtifacts(file, artifacts);
        for (const old of readdirSync(target)) {
          if (/^weights\.[0-9a-f]{16}\.bin$/.test(old) && old !== name)
            rmSync(join(target, old), { force: true });
        }
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } };
      },
    },
    { includeOptimizer: true },
  );
}

/** Reads it, with the optimizer's state where there is one. @throws ModelFileError for missing or damaged parts. */
export async function loadFolder(tf: typeof Tf, file: string): Promise<Tf.LayersModel> {
  if (!existsSync(file)) throw malformed(`${dirname(file)} has no model.json: no model was saved there`);
  return fromTopology(file, async () =>
    tf.loadLayersModel({ load: () => Promise.resolve(readArtifacts(file)) }),
  );
}

/** Has tfjs make a model of what a file describes. @throws ModelFileError naming the file instead of tfjs's own errors */
export async function fromTopology<T>(file: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    throw malformed(
      `${file} does not describe a model that tfjs can build: ${(error as Error).message}`,
      error,
    );
  }
}

const BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  bool: 1,
  complex64: 8,
  uint8: 1,
  uint16: 2,
  float16: 2,
};

/** Bytes that a weight takes in the file; undefined for text, whose length lies in the data. */
function specBytes(spec: unknown, file: string): number | undefined {
  const { name, shape, dtype, quantization } = (spec ?? {}) as Partial<Tf.io.WeightsManifestEntry>;
  const sizes = Array.isArray(shape) ? shape : [];
  const valid = sizes.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (typeof name !== 'string' || !Array.isArray(shape) || !valid) {
    throw malformed(
      `${file}: weight ${JSON.stringify(name)} has the shape ${JSON.stringify(shape)}, which is none`,
    );
  }
  if (dtype === 'string') return undefined;
  const stored: unknown = quantization === undefined ? dtype : (quantization as { dtype?: unknown }).dtype;
  const each = typeof stored === 'string' && Object.hasOwn(BYTES, stored) ? BYTES[stored] : undefined;
  if (each === undefined) throw malformed(`${file}: weight ${name} has the dtype ${JSON.stringify(stored)}`);
  return sizes.reduce((product, size) => product * size, each);
}

/** A weights file of `file`'s folder. @throws ModelFileError for a path that leads out of it */
function weightsPath(file: string, path: unknown): string {
  const refuse = (why: string): ModelFileError =>
    malformed(
      `${file}: its weights are in ${JSON.stringify(path)}, ${why}; weights lie in the folder of their model.json`,
    );
  if (typeof path !== 'string' || path === '' || path.includes('\0')) throw refuse('which is not a path');
  if (isAbsolute(path)) throw refuse('an absolute path');
  if (normalize(path).split('/')[0] === '..') throw refuse('which leads out of its folder');
  return join(dirname(file), path);
}

/** `model.json` and its weights. @throws ModelFileError, FileError */
function readArtifacts(file: string): Tf.io.ModelArtifacts {
  const json = parseModelJson(readRegular(file), file);
  const manifest = json['weightsManifest'];
  if (!Array.isArray(manifest)) throw malformed(`${file} is not a tfjs model: it has no weightsManifest`);
  const groups = manifest.map((group: unknown) => {
    const { paths, weights } = (group ?? {}) as { paths?: unknown; weights?: unknown };
    if (!Array.isArray(paths) || !Array.isArray(weights)) {
      throw malformed(`${file}: its weightsManifest has a group without paths or weights`);
    }
    return { paths: paths.map((path) => weightsPath(file, path)), weights };
  });
  const weightSpecs = groups.flatMap(({ weights }) => weights as Tf.io.WeightsManifestEntry[]);
  const expected = weightSpecs.map((spec) => specBytes(spec, file));
  const known = expected.every((bytes) => bytes !== undefined);
  const paths = groups.flatMap((group) => group.paths);
  const weights = Buffer.concat(paths.map((path) => readRegular(path)));
  const total = expected.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
  if (known ? weights.length !== total : weights.length < total) {
    throw malformed(
      `${paths.join(' and ') || file} should have ${total} bytes for the weights of ${file}, but has ${weights.length}: copy the model's folder again`,
    );
  }
  return {
    ...(json as Partial<Tf.io.ModelArtifacts>),
    weightSpecs,
    weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength),
  };
}

/** tfjs-node's handler of `file://` paths. */
interface FileHandler {
  path: string | string[];
  save(artifacts: Tf.io.ModelArtifacts): Promise<Tf.io.SaveResult>;
  load(): Promise<Tf.io.ModelArtifacts>;
}

/**
 * Has tfjs-node's handler of `file://` paths write and read as we do: its own one replaces `model.json` and
 * `weights.bin` one after the other without looking at either, and reads weights from any path that a file names.
 */
export function installFileHandler(tf: typeof Tf): void {
  const { fileSystem } = tf.io as { fileSystem?: (path: string) => FileHandler };
  if (fileSystem === undefined) return;
  const prototype = Object.getPrototypeOf(fileSystem('.')) as FileHandler;
  // eslint-disable-next-line typescript/unbound-method -- called with its object below
  const { load } = prototype;
  prototype.save = async function save(this: FileHandler, artifacts) {
    if (Array.isArray(this.path) || artifacts.modelTopology instanceof ArrayBuffer) {
      throw malformed(`a model is saved to one folder, and as JSON: ${[this.path].flat().join(', ')} is not`);
    }
    writeArtifacts(join(this.path, 'model.json'), artifacts, 'weights.bin');
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  };
  prototype.load = async function read(this: FileHandler) {
    return Array.isArray(this.path) ? load.call(this) : readArtifacts(this.path);
  };
}

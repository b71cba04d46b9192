import type * as Tf from '@tensorflow/tfjs';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from './atomic-file.ts';
import { malformed } from './errors.ts';

interface ModelJson extends Tf.io.ModelJSON {
  weightsManifest: Tf.io.WeightsManifestConfig;
}

function bytesOf(data: Tf.io.WeightData | undefined): Buffer {
  const parts = data === undefined ? [] : Array.isArray(data) ? data : [data];
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

/**
 * Writes tfjs's layers format: weights under a name made of their content, then `model.json`, which is what makes
 * them the model. What an earlier save left is removed last.
 */
export async function saveFolder(model: Tf.LayersModel, folder: string): Promise<void> {
  const file = folder.endsWith('.json') ? folder : join(folder, 'model.json');
  const target = dirname(file);
  mkdirSync(target, { recursive: true });
  await model.save(
    {
      save: async (artifacts) => {
        const weights = bytesOf(artifacts.weightData);
        const name = `weights.${createHash('sha256').update(weights).digest('hex').slice(0, 16)}.bin`;
        const {
          modelTopology,
          format,
          generatedBy,
          convertedBy,
          trainingConfig,
          userDefinedMetadata,
          weightSpecs,
        } = artifacts;
        const json = {
          modelTopology,
          format,
          generatedBy,
          convertedBy,
          ...(trainingConfig === undefined ? {} : { trainingConfig }),
          ...(userDefinedMetadata === undefined ? {} : { userDefinedMetadata }),
          weightsManifest: [{ paths: [name], weights: weightSpecs ?? [] }],
        };
        writeFileAtomically(join(target, name), weights);
        writeFileAtomically(file, Buffer.from(JSON.stringify(json)));
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

/** Reads it, with the optimizer's state where there is one. @throws ModelFileError for missing parts. */
export async function loadFolder(tf: typeof Tf, file: string): Promise<Tf.LayersModel> {
  if (!existsSync(file)) throw malformed(`${dirname(file)} holds no model.json: nothing was saved there`);
  return tf.loadLayersModel({
    load: async () => {
      const json = JSON.parse(readFileSync(file, 'utf8')) as ModelJson;
      const manifest = json.weightsManifest;
      if (!Array.isArray(manifest)) throw malformed(`${file} is no model of tfjs: it has no weightsManifest`);
      const weights = Buffer.concat(
        manifest.flatMap(({ paths }) => paths.map((path) => readFileSync(join(dirname(file), path)))),
      );
      return {
        ...json,
        weightSpecs: manifest.flatMap((group) => group.weights),
        weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength),
      };
    },
  });
}

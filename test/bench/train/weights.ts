import { readFileSync, writeFileSync } from 'node:fs';
import type { LayersModel } from '@tensorflow/tfjs';
import { formatHeader, headerLength, parseHeader } from '../../../src/interop/safetensors/header.ts';
import type { Tf } from '../../../src/api/tensorflow.ts';

/** An array of a network: layouts are Keras', to which the other peers translate. */
export interface Weight {
  shape: number[];
  values: Float32Array;
}

/** Weights by `layer/weight`, such as `dense0/kernel` or `lstm/recurrent_kernel`. */
export type Weights = Map<string, Weight>;

/** Every weight of a model with its name; the names of layers are those that `models.ts` gives. */
function named(model: LayersModel) {
  return model.layers.flatMap((layer) =>
    layer.weights.map((variable) => ({
      name: `${layer.name}/${variable.originalName.split('/').at(-1) ?? ''}`,
      shape: variable.shape as number[],
      variable,
    })),
  );
}

/** The same numbers in -1 to 1 for a name and a seed, on every machine. */
function numbersOf(name: string, seed: number, count: number): Float32Array {
  let salt = seed;
  for (const letter of name) salt = (Math.imul(salt, 31) + (letter.codePointAt(0) ?? 0)) | 0;
  return Float32Array.from({ length: count }, (_, i) => {
    let h = Math.imul(i ^ salt, 2654435761) >>> 0;
    h ^= h >>> 16;
    h = Math.imul(h, 2246822519) >>> 0;
    h = (h ^ (h >>> 13)) >>> 0;
    h = Math.imul(h, 3266489917) >>> 0;
    h = (h ^ (h >>> 16)) >>> 0;
    return h / 2 ** 31 - 1;
  });
}

/**
 * Draws a model's weights from a seed. Kernels are uniform as He et al. 2015 have it (`sqrt(6 / inputs)`), so that
 * signals neither fade nor grow in 64 layers; all others are what their layer begins with and a little noise, so that
 * a peer that mistakes one bias for another is found out. Moving averages stay as they are.
 */
export function drawWeights(model: LayersModel, seed = 1): Weights {
  const weights: Weights = new Map();
  for (const { name, shape, variable } of named(model)) {
    const values = variable.read().dataSync() as Float32Array;
    const drawn = numbersOf(name, seed, values.length);
    const isKernel = shape.length > 1;
    const limit = Math.sqrt(6 / shape.slice(0, -1).reduce((product, size) => product * size, 1));
    const value = (i: number): number => {
      if (name.includes('/moving_')) return values[i] as number;
      return isKernel ? limit * (drawn[i] as number) : (values[i] as number) + 0.05 * (drawn[i] as number);
    };
    weights.set(name, { shape, values: Float32Array.from(values, (_, i) => value(i)) });
  }
  return weights;
}

/** Puts weights into a model. @throws Error that names the weight that is missing or has another shape. */
export function setWeights(tf: Tf, model: LayersModel, weights: Weights): void {
  for (const { name, shape, variable } of named(model)) {
    const weight = weights.get(name);
    if (weight === undefined || weight.shape.join() !== shape.join()) {
      throw new Error(`${name} of shape [${shape.join()}] is not among the weights that were drawn`);
    }
    tf.tidy(() => void variable.write(tf.tensor(weight.values, shape)));
  }
}

/** Writes weights as a safetensors file, which `peer_protocol.py` reads. */
export function writeWeights(file: string, weights: Weights): void {
  const { bytes, order } = formatHeader(
    new Map([...weights].map(([name, { shape }]) => [name, { dtype: 'float32', shape }])),
    {},
  );
  const parts = order.map((name) => Buffer.from((weights.get(name) as Weight).values.buffer));
  writeFileSync(file, Buffer.concat([bytes, ...parts]));
}

/** Reads what `writeWeights` wrote. @throws SafetensorsError where it is damaged. */
export function readWeights(file: string): Weights {
  const bytes = readFileSync(file);
  const header = parseHeader(
    bytes.subarray(8, 8 + headerLength(bytes, bytes.length, file)),
    bytes.length,
    file,
  );
  return new Map(
    [...header.tensors].map(([name, { shape, start, bytes: length }]) => [
      name,
      {
        shape: [...shape],
        values: new Float32Array(Uint8Array.from(bytes.subarray(start, start + length)).buffer),
      },
    ]),
  );
}

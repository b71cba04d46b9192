import { kernelReplacer } from './kernel-replacer.ts';
import type { NodeBackend, Tf } from './tfjs/instance.ts';

/** Attributes that tfjs-node's kernels hand over as int32: a larger number would arrive as another one. */
const SIZES: Readonly<Record<string, string>> = {
  Reshape: 'shape',
  Fill: 'shape',
  BroadcastTo: 'shape',
  ScatterNd: 'shape',
  Tile: 'reps',
  OneHot: 'depth',
};

const LARGEST = 2 ** 31 - 1;

/** @param least -1 where TensorFlow computes a size. @throws RangeError for other sizes than whole numbers to 2^31 - 1 */
export function checkSizes(sizes: unknown, op: string, least = 0): void {
  const list = (Array.isArray(sizes) ? sizes : [sizes]) as unknown[];
  for (const size of list) {
    if (typeof size === 'number' && size >= least && size <= LARGEST && Number.isInteger(size)) continue;
    throw new RangeError(
      `${op} takes sizes that are whole numbers from ${least} to ${LARGEST}, not ${String(size)} (in [${list.slice(0, 8).join(', ')}])`,
    );
  }
}

/** Has the backend refuse sizes that would change on their way to TensorFlow. */
export function installSizeChecks(tf: Tf, backend: NodeBackend): void {
  const replaceKernel = kernelReplacer(tf, backend);
  for (const [name, attribute] of Object.entries(SIZES)) {
    replaceKernel(name, (original) => (inputs, attributes) => {
      checkSizes(attributes[attribute], name, name === 'Reshape' ? -1 : 0);
      return original(inputs, attributes);
    });
  }
}

/**
 * tfjs-node on its own C++ addon, for the programs of the benchmarks that are its peers: with its own backend and
 * kernels, without Tensorcell.
 */
import { createRequire } from 'node:module';
import type { Tf } from '../../src/api/tensorflow.ts';

const require = createRequire(import.meta.url);

/** tfjs on the addon that lies at `addon`, and what it is in words. */
export async function tfjsOnAddon(addon: string): Promise<{ tf: Tf; about: string }> {
  // Functions that tfjs-node uses and Node 23 removed.
  const util = require('util') as { isNullOrUndefined?: unknown; isArray?: unknown };
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
  const tf = require('@tensorflow/tfjs') as Tf;
  const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend') as {
    NodeJSKernelBackend: new (binding: unknown, name: string) => ReturnType<Tf['backend']>;
  };
  const binding = require(addon) as { TF_Version: string };
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, 'tfjs-node-gpu'), 3);
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels');
  await tf.setBackend('tensorflow');
  return { tf, about: `tfjs-node ${tf.version.tfjs} on TensorFlow ${binding.TF_Version}` };
}

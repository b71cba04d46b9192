/**
 * tfjs-node as a peer of the benchmark of ops: its own backend and kernels on its own C++ addon, which is given:
 *
 *   node peer-tfjs-node.mjs PATH/tfjs_binding.node
 *
 * Each line of JSON, `{ name, ms }`, is answered by `{ us }`.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import type { Tf } from '../../../src/tensorflow/index.ts';
import { measure, opCases } from './cases.ts';

const require = createRequire(import.meta.url);
// What tfjs-node uses and Node 23 removed.
const util = require('util') as { isNullOrUndefined?: unknown; isArray?: unknown };
util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
util.isArray ??= Array.isArray;

const tf = require('@tensorflow/tfjs') as Tf;
const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend') as {
  NodeJSKernelBackend: new (binding: unknown, name: string) => ReturnType<Tf['backend']>;
};
const binding = require(process.argv[2] ?? '') as { TF_Version: string };
tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, 'tfjs-node-gpu'), 3);
require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels');
await tf.setBackend('tensorflow');

const cases = opCases(tf);
console.log(JSON.stringify({ about: `tfjs-node ${tf.version.tfjs} on TensorFlow ${binding.TF_Version}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const { name, ms } = JSON.parse(line) as { name: string; ms: number };
  const found = cases.find((one) => one.name === name);
  console.log(JSON.stringify(found === undefined ? {} : { us: measure(tf, found, ms) }));
}

/**
 * tfjs-node as a peer of the training benchmark: its own backend and kernels on its own C++ addon, which is given:
 *
 *   node peer-tfjs-node.mjs PATH/tfjs_binding.node
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import type { Tf } from '../../../src/tensorflow/index.ts';
import { rowOf } from './models.ts';
import type { Answer, Request } from './peer.ts';
import { Trainer } from './trainer.ts';

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

const trainers = new Map<string, Trainer>();
console.log(JSON.stringify({ about: `tfjs-node ${tf.version.tfjs} on TensorFlow ${binding.TF_Version}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request;
  const { epochs, ...rest } = request;
  const key = JSON.stringify(rest);
  let answer: Answer;
  try {
    let trainer = trainers.get(key);
    if (trainer === undefined) {
      trainer = new Trainer(tf, rowOf(request), (code) => code);
      trainers.set(key, trainer);
      await trainer.fit(1);
    }
    answer = { ms: await trainer.fit(epochs) };
  } catch (error) {
    answer = { failed: String(error).slice(0, 200) };
  }
  console.log(JSON.stringify(answer));
}

/** This library as a separate process in the training benchmark, which answers `cold` only. */
import { createInterface } from 'node:readline';
import { describeBackend, loadTf, traceable } from '../../../src/api/tensorflow.ts';
import { ColdTraining } from './cold-training.ts';
import type { Request } from './peer.ts';

const training = new ColdTraining(loadTf(), traceable);

console.log(JSON.stringify({ about: `TensorFlow ${describeBackend().tensorflowVersion ?? '-'}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...network } = JSON.parse(line) as Request;
  const said = await (ask === 'cold' ? training.answer(network) : Promise.resolve({})).catch(
    (error: unknown) => ({ failed: String(error).slice(0, 200) }),
  );
  console.log(JSON.stringify(said));
}

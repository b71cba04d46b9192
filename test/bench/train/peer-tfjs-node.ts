/**
 * tfjs-node as a peer of the training benchmark, on the addon that is given:
 *
 *   node peer-tfjs-node.mjs PATH/tfjs_binding.node
 */
import { createInterface } from 'node:readline';
import { tfjsOnAddon } from '../tfjs-node.ts';
import { ColdTraining } from './cold-training.ts';
import { rowOf } from './models.ts';
import type { Answer, Request } from './peer.ts';
import { Trainer } from './trainer.ts';
import { readWeights } from './weights.ts';

const { tf, about } = await tfjsOnAddon(process.argv[2] ?? '');
const cold = new ColdTraining(tf, (code) => code);
let trainer: Trainer | undefined;
let trained = '';

async function answer({ ask, count, ...row }: Request): Promise<Answer> {
  if (ask === 'forget') {
    trainer?.dispose();
    trainer = undefined;
    return {};
  }
  if (ask === 'cold') return cold.answer({ count, ...row });
  const key = JSON.stringify(row);
  if (trainer === undefined || trained !== key) {
    trainer?.dispose();
    trainer = new Trainer(tf, rowOf(row), (code) => code, readWeights(row.weights));
    trained = key;
  }
  return ask === 'begin' ? { losses: await trainer.firstSteps(count) } : trainer.train(count);
}

console.log(JSON.stringify({ about }));
for await (const line of createInterface({ input: process.stdin })) {
  const said = await answer(JSON.parse(line) as Request).catch((error: unknown) => ({
    failed: String(error).slice(0, 200),
  }));
  console.log(JSON.stringify(said));
}

import type { Tf } from '../../../src/api/tensorflow.ts';
import { data, rowOf } from './models.ts';
import type { Answer, Request } from './peer.ts';
import { Trainer } from './trainer.ts';
import { readWeights } from './weights.ts';

/** Answers `cold`: builds a network and trains it, with the clock running from the first layer on. Data is kept. */
export class ColdTraining {
  readonly #tf: Tf;
  readonly #declare: <T extends object>(code: T) => T;
  #kept: { key: string; made: ReturnType<typeof data> } | undefined;

  constructor(tf: Tf, declare: <T extends object>(code: T) => T) {
    this.#tf = tf;
    this.#declare = declare;
  }

  async answer({ count, ...network }: Omit<Request, 'ask'>): Promise<Answer> {
    const row = rowOf(network);
    const key = JSON.stringify([row.name, row.batch, row.steps]);
    if (this.#kept?.key !== key) {
      this.#tf.dispose(this.#kept?.made);
      this.#kept = { key, made: data(this.#tf, row) };
    }
    const begin = performance.now();
    const weights = readWeights(network.weights);
    const trainer = new Trainer(this.#tf, row, this.#declare, weights, this.#kept.made);
    const { loss } = await trainer.train(count);
    const ms = performance.now() - begin;
    trainer.dispose();
    return { ms, loss };
  }
}

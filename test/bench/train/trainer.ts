import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { Tf } from '../../../src/api/tensorflow.ts';
import { data, type Row } from './models.ts';
import { setWeights, type Weights } from './weights.ts';

/** The time of training for some epochs, and the mean loss of the last. */
export interface Trained {
  /** Milliseconds a step. */
  ms: number;
  loss: number;
}

/** A network of a row with its data, trained by tfjs's `fit`: ours, and tfjs-node's. */
export class Trainer {
  readonly model: LayersModel;
  readonly #tf: Tf;
  readonly #row: Row;
  readonly #x: Tensor;
  readonly #y: Tensor;
  readonly #given: boolean;

  /** @param given data of the row, which the caller keeps; made here where it is left out. */
  constructor(
    tf: Tf,
    row: Row,
    declare: <T extends object>(code: T) => T,
    weights?: Weights,
    given?: { x: Tensor; y: Tensor },
  ) {
    this.#tf = tf;
    this.#row = row;
    this.model = row.build(tf, declare);
    if (weights !== undefined) setWeights(tf, this.model, weights);
    this.model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    ({ x: this.#x, y: this.#y } = given ?? data(tf, row));
    this.#given = given !== undefined;
  }

  /** Trains a step on each of the first batches, one by one, and gives their losses. */
  async firstSteps(count: number): Promise<number[]> {
    const { batch } = this.#row;
    const losses: number[] = [];
    for (let i = 0; i < count; i++) {
      const x = this.#tf.slice(this.#x, [i * batch], [batch]);
      const y = this.#tf.slice(this.#y, [i * batch], [batch]);
      losses.push(await this.#fit(x, y, 1));
      x.dispose();
      y.dispose();
    }
    return losses;
  }

  /** Trains. @throws Error when the loss is NaN. */
  async train(epochs: number): Promise<Trained> {
    const begin = performance.now();
    const loss = await this.#fit(this.#x, this.#y, epochs);
    const ms = (performance.now() - begin) / (this.#row.steps * epochs);
    if (!Number.isFinite(loss)) throw new Error(`its loss is ${loss}`);
    return { ms, loss };
  }

  dispose(): void {
    this.model.dispose();
    if (this.#given) return;
    this.#x.dispose();
    this.#y.dispose();
  }

  async #fit(x: Tensor, y: Tensor, epochs: number): Promise<number> {
    const { batch } = this.#row;
    const { history } = await this.model.fit(x, y, {
      batchSize: batch,
      epochs,
      shuffle: false,
      verbose: 0 as never,
    });
    return history['loss']?.at(-1) as number;
  }
}

import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { Tf } from '../../../src/tensorflow/index.ts';
import { data, type Row } from './models.ts';

/** A network of a row, with its data, that can be trained for some epochs. */
export class Trainer {
  readonly model: LayersModel;
  readonly #row: Row;
  readonly #x: Tensor;
  readonly #y: Tensor;

  constructor(tf: Tf, row: Row, declare: <T extends object>(code: T) => T) {
    this.#row = row;
    this.model = row.build(tf, declare);
    this.model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    ({ x: this.#x, y: this.#y } = data(tf, row));
  }

  /** Trains, and gives milliseconds a step. */
  async fit(epochs: number): Promise<number> {
    const begin = performance.now();
    const { history } = await this.model.fit(this.#x, this.#y, {
      batchSize: this.#row.batch,
      epochs,
      shuffle: false,
      verbose: 0 as never,
    });
    const ms = (performance.now() - begin) / (this.#row.steps * epochs);
    const loss = history['loss']?.at(-1) as number;
    if (!Number.isFinite(loss)) throw new Error(`its loss is ${loss}`);
    return ms;
  }

  dispose(): void {
    this.model.dispose();
    this.#x.dispose();
    this.#y.dispose();
  }
}

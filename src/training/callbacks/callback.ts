import type * as Tf from '@tensorflow/tfjs';
import { notify } from '../notify.ts';

/** The logs of a training after a batch or an epoch: numbers, or scalars that are still on the device. */
export type Logs = Record<string, number | Tf.Scalar>;

/** Changes that a callback makes to the arguments of `fit` before it begins. */
export interface FitStart {
  initialEpoch?: number;
}

/**
 * The base of callbacks that look at a training from outside tfjs: give instances of it to `fit` or `fitDataset`,
 * in addition to tfjs's own. Every method may be asynchronous; the training waits.
 */
export abstract class TrainingCallback {
  params: Record<string, unknown> = {};
  validationData: unknown = null;
  /** Whether the training is ending because the cell was interrupted. */
  interrupted = false;
  #model: Tf.LayersModel | undefined;

  setParams(params: Record<string, unknown>): void {
    this.params = params;
  }

  setModel(model: Tf.LayersModel): void {
    this.#model = model;
  }

  /** The model that is being trained. @throws Error outside a training. */
  get model(): Tf.LayersModel {
    if (this.#model === undefined)
      throw new Error(`${this.constructor.name} has no model before fit() begins`);
    return this.#model;
  }

  /** Whether this callback wants to see every batch; where none does, many steps run in one call. */
  get seesBatches(): boolean {
    const base = TrainingCallback.prototype;
    return this.onBatchBegin !== base.onBatchBegin || this.onBatchEnd !== base.onBatchEnd;
  }

  /** Called before `fit` begins; may move its start. */
  beforeFit(_model: Tf.LayersModel): Promise<FitStart | undefined> | FitStart | undefined {
    return undefined;
  }

  async onTrainBegin(_logs?: Logs): Promise<void> {}
  async onTrainEnd(_logs?: Logs): Promise<void> {}
  async onEpochBegin(_epoch: number, _logs?: Logs): Promise<void> {}
  async onEpochEnd(_epoch: number, _logs?: Logs): Promise<void> {}
  async onBatchBegin(_batch: number, _logs?: Logs): Promise<void> {}
  async onBatchEnd(_batch: number, _logs?: Logs): Promise<void> {}

  /** Says something about the training under its display. */
  protected notify(text: string): void {
    notify(text);
  }
}

/** Logs as numbers: what is on the device is read now. `batch` and `size` are left out. */
export function readLogs(logs: Logs | undefined): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [name, value] of Object.entries(logs ?? {})) {
    if (name !== 'batch' && name !== 'size') values[name] = readLog(value);
  }
  return values;
}

export function readLog(value: number | Tf.Scalar): number {
  return typeof value === 'number' ? value : (value.dataSync()[0] as number);
}

import type * as Tf from '@tensorflow/tfjs';
import { trainerOf } from '../compile/loops/trainer.ts';

/**
 * tfjs trains a Sequential through an inner model, and shows callbacks only that one: from now on {@link ownerOf}
 * finds the Sequential, which is what a user wants to have saved.
 */
export function rememberOwners(tf: typeof Tf): void {
  const prototype = tf.Sequential.prototype as Tf.Sequential & Record<'fit' | 'fitDataset', unknown>;
  for (const name of ['fit', 'fitDataset'] as const) {
    const method = Reflect.get(prototype, name) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(prototype, {
      async [name](this: Tf.LayersModel & { model?: object }, ...args: unknown[]): Promise<unknown> {
        if (this.model) trainerOf(this.model).owner = this;
        return method.apply(this, args);
      },
    });
  }
}

/** The model as its user has it. */
export function ownerOf(model: Tf.LayersModel): Tf.LayersModel {
  return trainerOf(model).owner ?? model;
}

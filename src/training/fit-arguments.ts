import type { Tensor } from '@tensorflow/tfjs';
import type { DisplayMode } from './live-display.ts';

/** Arguments of `compile`, `fit` and `fitDataset` about steps in a call. */
export interface StepsPerExecution {
  /**
   * How many steps run in one call: `auto` (the default) takes as many as fit into a tenth of a second where no callback
   * wants to see every batch, and one otherwise. With a number, callbacks see every so many batches only, as in Keras.
   */
  stepsPerExecution?: number | 'auto';
}

/** Arguments of `fit` and `fitDataset` in addition to those of tfjs. */
export interface TensorcellFitArgs extends StepsPerExecution {
  /**
   * The effect of an interrupt: `end` (the default) ends the cell after the running batch; `return` lets `fit` return the
   * history so far, and the cell goes on.
   */
  onInterrupt?: 'end' | 'return';
  /** How this training shows its progress. */
  progress?: DisplayMode;
}

/** Arguments of `compile` about several losses. */
export interface LossWeights {
  /** A factor for the loss of each output, in their order or by their names; 1 where none is given. */
  lossWeights?: number[] | Record<string, number>;
}

/** Weights in one step of training. */
export interface TrainOnBatchArgs {
  /** A weight for each sample, or for each step of a series; several outputs take one tensor, or one for each. */
  sampleWeight?: Tensor | Tensor[] | Record<string, Tensor>;
  /** A weight for each index of a class. */
  classWeight?: Record<number, number> | Record<number, number>[] | Record<string, Record<number, number>>;
}

type Batch = Tensor | Tensor[] | Record<string, Tensor>;

// tfjs's own types learn of them, for cells and for programs that import the library. An interface can be added to only
// by an interface.
declare module '@tensorflow/tfjs-layers/dist/engine/training.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type
  interface ModelCompileArgs extends StepsPerExecution, LossWeights {}

  interface LayersModel {
    trainOnBatch(x: Batch, y: Batch, args?: TrainOnBatchArgs): Promise<number | number[]>;
  }
}

declare module '@tensorflow/tfjs-layers/dist/models.js' {
  interface Sequential {
    trainOnBatch(x: Batch, y: Batch, args?: TrainOnBatchArgs): Promise<number | number[]>;
  }
}

declare module '@tensorflow/tfjs-layers/dist/engine/training_tensors.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type
  interface ModelFitArgs extends TensorcellFitArgs {}
}

declare module '@tensorflow/tfjs-layers/dist/engine/training_dataset.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-unused-vars -- the name is tfjs's own
  interface ModelFitDatasetArgs<T> extends TensorcellFitArgs {}
}

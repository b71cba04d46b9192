import type { DisplayMode } from './live-display.ts';

/** What `compile`, `fit` and `fitDataset` understand about steps in a call. */
export interface StepsPerExecution {
  /**
   * How many steps run in one call: `auto` (the default) takes as many as fit into a tenth of a second where no callback
   * wants to see every batch, and one otherwise. With a number, callbacks see every so many batches only, as in Keras.
   */
  stepsPerExecution?: number | 'auto';
}

/** What `fit` and `fitDataset` understand beyond tfjs's own arguments. */
export interface TensorcellFitArgs extends StepsPerExecution {
  /**
   * What an interrupt does: `end` (the default) ends the cell after the running batch; `return` lets `fit` return the
   * history so far, and the cell goes on.
   */
  onInterrupt?: 'end' | 'return';
  /** How this training shows its progress. */
  progress?: DisplayMode;
}

// tfjs's own types learn of them, for cells and for programs that import the library. An interface can be added to only
// by an interface.
declare module '@tensorflow/tfjs-layers/dist/engine/training.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type
  interface ModelCompileArgs extends StepsPerExecution {}
}

declare module '@tensorflow/tfjs-layers/dist/engine/training_tensors.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type
  interface ModelFitArgs extends TensorcellFitArgs {}
}

declare module '@tensorflow/tfjs-layers/dist/engine/training_dataset.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-unused-vars -- the name is tfjs's own
  interface ModelFitDatasetArgs<T> extends TensorcellFitArgs {}
}

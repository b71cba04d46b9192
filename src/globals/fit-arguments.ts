/**
 * What `model.fit` and `model.fitDataset` understand here beyond tfjs's own arguments, for the language service. Nothing
 * runs this file.
 */
import type { TensorcellFitArgs } from '../training/index.ts';

declare module '@tensorflow/tfjs-layers/dist/engine/training_tensors.js' {
  // An interface can be added to only by an interface.
  // oxlint-disable-next-line typescript/no-empty-object-type
  interface ModelFitArgs extends TensorcellFitArgs {}
}

declare module '@tensorflow/tfjs-layers/dist/engine/training_dataset.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-unused-vars -- the name is tfjs's own
  interface ModelFitDatasetArgs<T> extends TensorcellFitArgs {}
}

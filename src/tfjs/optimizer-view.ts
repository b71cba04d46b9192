import type { Tensor, Variable } from '@tensorflow/tfjs';

/** A variable that an optimizer keeps for a weight. */
export interface OptimizerSlot {
  variable: Variable;
}

/** tfjs's optimizers, with the fields that their steps use and its types hide. */
export interface TfOptimizer {
  incrementIterations(): void;
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: number;
  momentum: number;
  centered: boolean;
  useNesterov: boolean;
  /** The negative learning rate, and the momentum, as tensors. */
  c: Tensor;
  m: Tensor;
  accBeta1: Variable;
  accBeta2: Variable;
  accumulatedFirstMoment: OptimizerSlot[];
  accumulatedSecondMoment: OptimizerSlot[];
  accumulatedMeanSquares: OptimizerSlot[];
  accumulatedMoments: OptimizerSlot[];
  accumulations: OptimizerSlot[];
}

/** Gradients by the names of variables, as `applyGradients` takes them. */
export type Gradients = Record<string, Tensor> | { name: string; tensor: Tensor | null }[];

import type * as Tf from '@tensorflow/tfjs';

/** tfjs declares the learning rate as protected, though all its optimizers have one. */
interface OptimizerInside {
  learningRate: number;
  setLearningRate?(rate: number): void;
}

function hasLearningRate(optimizer: object | undefined): optimizer is OptimizerInside {
  return optimizer !== undefined && 'learningRate' in optimizer && typeof optimizer.learningRate === 'number';
}

function inside(model: Tf.LayersModel): OptimizerInside {
  const optimizer: object | undefined = model.optimizer;
  if (!hasLearningRate(optimizer)) {
    throw new TypeError('the model’s optimizer has no learningRate: compile the model with one of tf.train');
  }
  return optimizer;
}

/** The present learning rate. @throws TypeError for an optimizer without one. */
export function learningRate(model: Tf.LayersModel): number {
  return inside(model).learningRate;
}

/** Sets it, from the next batch on. @throws TypeError for an optimizer without one, RangeError for what is none. */
export function setLearningRate(model: Tf.LayersModel, rate: number): void {
  if (!Number.isFinite(rate) || rate < 0)
    throw new RangeError(`the learning rate ${rate} is not valid: give a number from 0`);
  const optimizer = inside(model);
  // Plain gradient descent keeps a tensor of it.
  if (optimizer.setLearningRate) optimizer.setLearningRate(rate);
  else optimizer.learningRate = rate;
}

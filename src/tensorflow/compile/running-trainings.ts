const stops = new WeakMap<object, () => void>();

/** Says how the steps of a model's training that run now are ended; until the next one says so. */
export function onTrainingStop(model: object, stop: () => void): void {
  stops.set(model, stop);
}

/** Ends the call of several steps in which the model's training is, and its waiting for data. */
export function endRunningSteps(model: object): void {
  stops.get(model)?.();
}

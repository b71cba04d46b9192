/**
 * Learning rates over the steps of a training, with the names and formulas of Keras:
 * https://keras.io/api/optimizers/learning_rate_schedules/. Steps count from 0.
 */
export type Schedule = (step: number) => number;

export interface CosineDecayOptions {
  initialLearningRate: number;
  decaySteps: number;
  /** The rate at the end, as a part of the highest one. Default 0. */
  alpha?: number;
  /** With `warmupSteps`: the rate rises from `initialLearningRate` to this first. */
  warmupTarget?: number;
  warmupSteps?: number;
}

function needPositive(name: string, value: number): void {
  if (!(value > 0)) throw new RangeError(`${name} is ${value}: give a number above 0`);
}

/** Half a cosine from the rate down to `alpha` of it, after a linear rise where there is a warm-up. */
export function cosineDecay(options: CosineDecayOptions): Schedule {
  const { initialLearningRate, decaySteps, alpha = 0, warmupTarget, warmupSteps = 0 } = options;
  needPositive('decaySteps', decaySteps);
  const decayed = (step: number, from: number): number =>
    from * ((1 - alpha) * 0.5 * (1 + Math.cos((Math.PI * Math.min(step, decaySteps)) / decaySteps)) + alpha);
  return (step) => {
    if (warmupTarget === undefined) return decayed(step, initialLearningRate);
    if (step < warmupSteps) {
      return initialLearningRate + ((warmupTarget - initialLearningRate) * step) / warmupSteps;
    }
    return decayed(step - warmupSteps, warmupTarget);
  };
}

export interface CosineDecayRestartsOptions {
  initialLearningRate: number;
  firstDecaySteps: number;
  /** Each period is this many times as long as the one before. Default 2. */
  tMul?: number;
  /** Each period starts at this part of the one before. Default 1. */
  mMul?: number;
  alpha?: number;
}

/** Cosine decay that begins anew, each time over a longer period. */
export function cosineDecayRestarts(options: CosineDecayRestartsOptions): Schedule {
  const { initialLearningRate, firstDecaySteps, tMul = 2, mMul = 1, alpha = 0 } = options;
  needPositive('firstDecaySteps', firstDecaySteps);
  return (step) => {
    const passed = step / firstDecaySteps;
    const restart =
      tMul === 1 ? Math.floor(passed) : Math.floor(Math.log(1 - passed * (1 - tMul)) / Math.log(tMul));
    const before = tMul === 1 ? restart : (1 - tMul ** restart) / (1 - tMul);
    const fraction = (passed - before) / (tMul === 1 ? 1 : tMul ** restart);
    const cosine = 0.5 * mMul ** restart * (1 + Math.cos(Math.PI * fraction));
    return initialLearningRate * ((1 - alpha) * cosine + alpha);
  };
}

export interface DecayOptions {
  initialLearningRate: number;
  decaySteps: number;
  decayRate: number;
  /** Fall in steps rather than smoothly. Default false. */
  staircase?: boolean;
}

/** `initial * rate ^ (step / decaySteps)`. */
export function exponentialDecay(options: DecayOptions): Schedule {
  const { initialLearningRate, decaySteps, decayRate, staircase = false } = options;
  needPositive('decaySteps', decaySteps);
  return (step) => {
    const power = step / decaySteps;
    return initialLearningRate * decayRate ** (staircase ? Math.floor(power) : power);
  };
}

/** `initial / (1 + rate * step / decaySteps)`. */
export function inverseTimeDecay(options: DecayOptions): Schedule {
  const { initialLearningRate, decaySteps, decayRate, staircase = false } = options;
  needPositive('decaySteps', decaySteps);
  return (step) => {
    const times = step / decaySteps;
    return initialLearningRate / (1 + decayRate * (staircase ? Math.floor(times) : times));
  };
}

export interface PolynomialDecayOptions {
  initialLearningRate: number;
  decaySteps: number;
  /** Default 0.0001. */
  endLearningRate?: number;
  /** Default 1: a straight line. */
  power?: number;
}

/** From the first rate to the last over `decaySteps`. */
export function polynomialDecay(options: PolynomialDecayOptions): Schedule {
  const { initialLearningRate, decaySteps, endLearningRate = 1e-4, power = 1 } = options;
  needPositive('decaySteps', decaySteps);
  return (step) =>
    (initialLearningRate - endLearningRate) * (1 - Math.min(step, decaySteps) / decaySteps) ** power +
    endLearningRate;
}

/** `values[i]` up to and including step `boundaries[i]`, the last value after all of them. */
export function piecewiseConstantDecay(boundaries: readonly number[], values: readonly number[]): Schedule {
  if (values.length !== boundaries.length + 1) {
    throw new RangeError(
      `${boundaries.length} boundaries need ${boundaries.length + 1} values, not ${values.length}`,
    );
  }
  return (step) => {
    const index = boundaries.findIndex((boundary) => step <= boundary);
    return values[index === -1 ? values.length - 1 : index] as number;
  };
}

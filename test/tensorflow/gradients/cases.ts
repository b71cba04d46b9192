import type { GradientCase } from './case.ts';
import { convolutionCases } from './cases-convolutions.ts';
import { elementwise } from './cases-elementwise.ts';
import { joinCases } from './cases-joins.ts';
import { lossCases } from './cases-losses.ts';
import { partCases } from './cases-parts.ts';
import { pictureCases } from './cases-pictures.ts';
import { reductionCases } from './cases-reductions.ts';
import { signalCases } from './cases-signals.ts';
import { singularCases } from './cases-singular.ts';

/** Every case; `goldens.json` has the gradients of those that name a function of TensorFlow's or JAX's. */
export const cases: readonly GradientCase[] = [
  ...elementwise,
  ...reductionCases,
  ...partCases,
  ...joinCases,
  ...convolutionCases,
  ...pictureCases,
  ...signalCases,
  ...lossCases,
  ...singularCases,
];

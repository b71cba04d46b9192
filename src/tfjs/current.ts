import type * as Tf from '@tensorflow/tfjs';

export type Tfjs = typeof Tf;

let current: Tfjs | undefined;
let loader: (() => Tfjs) | undefined;

/** Says which copy of tfjs the library works with. */
export function useTf(tf: Tfjs): void {
  current = tf;
}

/** Says how to get it where it was not loaded yet. */
export function loadTfWith(load: () => Tfjs): void {
  loader = load;
}

/** The copy of tfjs that everything uses. @throws Error where none was named. */
export function theTf(): Tfjs {
  current ??= loader?.();
  if (current === undefined) throw new Error('TensorFlow is not loaded: use `tf` first');
  return current;
}

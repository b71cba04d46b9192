import { notebookHost } from '../base/host.ts';
import { cellMemory } from './cell-memory.ts';
import { leaveTrace } from '../compile/tracing/active-trace.ts';
import { stopWatchingEffects } from '../compile/guards/effects.ts';
import { loadedTensorflow } from '../engines/tensorflow/loading.ts';
import { restoreEngineFields, saveEngineFields, type EngineState } from '../tfjs/engine-fields.ts';

export type { EngineState } from '../tfjs/engine-fields.ts';

/**
 * Remembers tfjs's scopes, gradient and kernel depth and tape. `finally` does not run when a cell is terminated inside
 * `tf.tidy` or a gradient, so the code that terminates it puts this back with `restoreEngineState`. Costs nothing before `tf` is
 * used: then the state is that of an engine which nothing runs on.
 */
export function saveEngineState(): EngineState {
  const execution = notebookHost()?.execution() ?? 0;
  loadedTensorflow()?.binding.mark(execution);
  cellMemory()?.begin(execution);
  return saveEngineFields();
}

/**
 * Puts the engine back to where `saved` was taken. Tensors that were made in scopes which no longer exist are disposed,
 * as the scopes would have done at their end; kept ones and variables stay.
 *
 * @returns how many tensors were disposed.
 */
export function restoreEngineState(saved: EngineState): number {
  leaveTrace();
  stopWatchingEffects();
  return restoreEngineFields(saved);
}

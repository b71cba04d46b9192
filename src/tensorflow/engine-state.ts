import { notebookHost } from '../host.ts';
import { cellMemory } from './cell-memory.ts';
import { leaveTrace } from './compile/active-trace.ts';
import { stopWatchingEffects } from './compile/own/effects.ts';
import { loadedTensorflow } from './loading.ts';
import type { Tf } from './tfjs/instance.ts';
import { tfInstance, tfIsEvaluated } from './tfjs/instance.ts';

/** The fields of tfjs's `EngineState` (tfjs-core/src/engine.ts) that a function on the stack changes and puts back. */
interface EngineFields {
  gradientDepth: number;
  kernelDepth: number;
  activeTape: TapeNode[] | null | undefined;
  activeScope: Scope | null;
  scopeStack: Scope[];
  numDataMovesStack: number[];
  profiling: boolean;
}

/** A kernel that a gradient under way has run, with the tensors that it keeps for the way back. */
interface TapeNode {
  saved?: Scope['track'];
}

interface Scope {
  track: { id: number; kept: boolean; isDisposed: boolean; dispose(): void }[];
}

/** tfjs's engine as it was; see `saveEngineState`. */
export interface EngineState {
  readonly fields: EngineFields;
}

function engineFields(tf: Tf): EngineFields {
  return (tf.engine() as unknown as { state: EngineFields }).state;
}

const fresh: EngineFields = {
  gradientDepth: 0,
  kernelDepth: 0,
  activeTape: undefined,
  activeScope: null,
  scopeStack: [],
  numDataMovesStack: [],
  profiling: false,
};

/**
 * Remembers tfjs's scopes, gradient and kernel depth and tape. `finally` does not run when a cell is terminated inside
 * `tf.tidy` or a gradient, so whoever terminates puts this back with `restoreEngineState`. Costs nothing before `tf` is
 * used: then the state is that of an engine which nothing runs on.
 */
export function saveEngineState(): EngineState {
  const execution = notebookHost()?.execution() ?? 0;
  loadedTensorflow()?.binding.mark(execution);
  cellMemory()?.begin(execution);
  if (!tfIsEvaluated()) return { fields: { ...fresh } };
  const state = engineFields(tfInstance());
  return {
    fields: {
      gradientDepth: state.gradientDepth,
      kernelDepth: state.kernelDepth,
      activeTape: state.activeTape,
      activeScope: state.activeScope,
      scopeStack: [...state.scopeStack],
      numDataMovesStack: [...state.numDataMovesStack],
      profiling: state.profiling,
    },
  };
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

/** The same without a look at traces: for traces themselves. */
export function restoreEngineFields(saved: EngineState): number {
  if (!tfIsEvaluated()) return 0;
  const state = engineFields(tfInstance());
  const abandoned = state.scopeStack.filter((scope) => !saved.fields.scopeStack.includes(scope));
  const abandonedTape = state.activeTape === saved.fields.activeTape ? [] : (state.activeTape ?? []);
  Object.assign(state, {
    ...saved.fields,
    scopeStack: [...saved.fields.scopeStack],
    numDataMovesStack: [...saved.fields.numDataMovesStack],
  });
  let disposed = 0;
  for (const scope of abandoned) {
    for (const tensor of scope.track) {
      if (tensor.kept || tensor.isDisposed) continue;
      tensor.dispose();
      disposed++;
    }
  }
  for (const node of abandonedTape) {
    for (const tensor of node.saved ?? []) {
      if (tensor.isDisposed) continue;
      tensor.dispose();
      disposed++;
    }
  }
  return disposed;
}

import { engineOf, type TfEngineState } from './engine.ts';
import { tfInstance, tfIsEvaluated } from './instance.ts';

/** The fields of the engine's state that a function on the stack changes and puts back. */
type EngineFields = Omit<TfEngineState, 'registeredVariables'>;

/** tfjs's engine as it was; see `saveEngineFields`. */
export interface EngineState {
  readonly fields: EngineFields;
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

/** Remembers tfjs's scopes, gradient and kernel depth and tape. Before `tf` is used: those of an engine which nothing runs on. */
export function saveEngineFields(): EngineState {
  if (!tfIsEvaluated()) return { fields: { ...fresh } };
  const state = engineOf(tfInstance()).state;
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
export function restoreEngineFields(saved: EngineState): number {
  if (!tfIsEvaluated()) return 0;
  const state = engineOf(tfInstance()).state;
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

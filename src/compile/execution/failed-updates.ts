import { TensorflowError } from '../../engines/errors.ts';

/** Ops that change a variable: only a step's updates are of these kinds. */
const UPDATE = /^(?:ResourceApply\w+|Assign(?:Add|Sub)?VariableOp)$/;

/**
 * Whether a compiled step failed in one of its updates, which all come last: then others may be done already. Of a failure
 * anywhere else all variables are as before.
 *
 * @param error as `ConcreteFunction.explain` gives it, which knows the op.
 */
export function failedAmongUpdates(error: unknown): boolean {
  return error instanceof TensorflowError && UPDATE.test(error.op ?? '');
}

const ofSteps = new WeakSet<object>();

/** Whether a compiled step threw this. */
export function isOfStep(error: unknown): boolean {
  return typeof error === 'object' && error !== null && ofSteps.has(error);
}

/** A compiled step's error, which says what its variables are now. */
export function saysWhatIsDone(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) ofSteps.add(error);
  if (failedAmongUpdates(error)) {
    (error as TensorflowError).message +=
      ' (updates come last: some variables may be those of this step already, the others are those before it)';
  }
  return error;
}

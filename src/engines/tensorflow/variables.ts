import { ATTR } from '../dtypes.ts';
import type { Handle } from '../ops.ts';
import { setAttribute } from './attributes.ts';
import type { Binding } from './binding.ts';

/** A resource that holds a value, freed with its handle. */
export function openVariable(binding: Binding, dtype: number, shape: readonly number[]): Handle {
  const { api } = binding.context;
  const op = binding.startOp('VarHandleOp');
  const set = (name: string, type: number, value: unknown) =>
    setAttribute(api, op, binding.status, { name, type, value });
  set('dtype', ATTR.TYPE, dtype);
  set('shape', ATTR.SHAPE, [...shape]);
  set('container', ATTR.STRING, '');
  // Python's own name for resources that live as long as their handle (context.anonymous_name()).
  set('shared_name', ATTR.STRING, 'cd2c89b7-88b7-44c8-ad83-06c2a9158347');
  return binding.run('VarHandleOp', 1)[0] as Handle;
}

export function assignVariable(binding: Binding, variable: Handle, value: Handle, dtype: number): void {
  const { api } = binding.context;
  const op = binding.startOp('AssignVariableOp');
  api.TFE_OpAddInput(op, variable, binding.status.pointer);
  api.TFE_OpAddInput(op, value, binding.status.pointer);
  setAttribute(api, op, binding.status, { name: 'dtype', type: ATTR.TYPE, value: dtype });
  binding.run('AssignVariableOp', 0);
}

/** A value that later updates in place leave as it is. */
export function readVariable(binding: Binding, variable: Handle, dtype: number): Handle {
  const { api } = binding.context;
  const op = binding.startOp('ReadVariableOp');
  api.TFE_OpAddInput(op, variable, binding.status.pointer);
  setAttribute(api, op, binding.status, { name: 'dtype', type: ATTR.TYPE, value: dtype });
  return binding.run('ReadVariableOp', 1)[0] as Handle;
}

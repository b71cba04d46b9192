import { unsupported } from './errors.ts';

/** An object as Keras stores it: a layer, a regularizer, a loss. */
interface Stored {
  class_name?: unknown;
  module?: unknown;
  registered_name?: unknown;
}

/** Modules of Keras 3, and of Keras 2 alone and in TensorFlow. */
const MODULES = /^((tf_)?keras|tensorflow\.(python\.)?keras)(\.|$)/;

/**
 * The name of stored Python code that is not Keras's, such as a subclass of a layer; undefined for what Keras itself
 * has. A class may have the name of one of Keras's: module and registered name tell (keras/src/saving/serialization_lib.py).
 * Keras 2 stores neither in H5 files, and both store a function by its name alone.
 */
export function foreignName(stored: unknown): string | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined;
  const { class_name: className, module, registered_name: registered } = stored as Stored;
  if (className === 'function' && module === 'builtins') return undefined;
  const named = registered === undefined || registered === null || registered === className;
  const isKeras = typeof module === 'string' ? MODULES.test(module) : typeof registered !== 'string';
  if (named && isKeras) return undefined;
  return typeof registered === 'string' ? registered : `${String(module)}.${String(className)}`;
}

/** @throws ModelFileError where an object is Python code; `what` tells which one, as "layer dense_1". */
export function refuseForeign(what: string, stored: unknown): void {
  const name = foreignName(stored);
  if (name !== undefined)
    throw unsupported(
      `${what}: ${name} is Python code, which is not supported here; only Keras's own are data`,
    );
}

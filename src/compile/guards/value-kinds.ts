import { isProxy } from 'node:util/types';
import type { Tf } from '../../tfjs/instance.ts';
import { propertyOf } from './known-code.ts';

/** Objects whose whole state can be looked at. */
export const KINDS: ReadonlySet<string> = new Set([
  'Arguments',
  'Array',
  'BigInt',
  'Boolean',
  'Date',
  'Error',
  'Map',
  'Module',
  'Number',
  'Object',
  'RegExp',
  'Set',
  'String',
  'Symbol',
]);

/** Globals that there were before any cell or program ran. */
export const STANDARD_GLOBALS: ReadonlySet<string> = new Set(
  Object.getOwnPropertyNames(globalThis).concat('require', 'module', 'exports'),
);

/** A cell's context, as functions of the cell hold it: see runtime/cell-context.ts. */
export interface CellContext {
  lookup(name: string, global: () => unknown): unknown;
}

export function isCellContext(value: unknown): value is CellContext {
  return (
    typeof value === 'object' &&
    value !== null &&
    !isProxy(value) &&
    ['box', 'declare', 'lookup', 'assign'].every(
      (name) => typeof propertyOf(value, name).value === 'function',
    )
  );
}

/** The class of what stands on a prototype, without running getters. */
export function constructorOf(prototype: unknown): unknown {
  for (let at = prototype; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at) as unknown) {
    const property = propertyOf(at, 'constructor');
    if ('value' in property) return property.value;
  }
  return undefined;
}

export function onlyLooksUp(members: ReadonlySet<string> | 'any' | undefined): boolean {
  return members !== 'any' && [...(members ?? [])].every((name) => name === 'lookup' || name === 'assign');
}

/** Where the value of a name of the notebook is: an object with that one property, in a constant named after it. */
export function isBox(name: string, value: unknown): value is object {
  if (typeof value !== 'object' || value === null || isProxy(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && /\$\d+$/.test(keys[0] as string) && name.endsWith(keys[0] as string);
}

/** Fields that graphs of tfjs's own optimizers take as an input in each step (`../optimizers.ts`). */
export const OPTIMIZER_INPUTS: ReadonlySet<string> = new Set(['learningRate', 'c', 'm']);

/** Whether an optimizer's class extends `tf.Optimizer` itself, and no optimizer of tfjs's. */
export function isDirectly(tf: Tf, optimizer: object): boolean {
  const { SGDOptimizer, AdamOptimizer, RMSPropOptimizer } = tf;
  return ![SGDOptimizer, AdamOptimizer, RMSPropOptimizer].some((built) => optimizer instanceof built);
}

/** Objects of tfjs's that are no `Serializable`: they say nothing that a graph does not know. */
export function isTfjs(tf: Tf, value: object): boolean {
  // A layer's weight (LayerVariable), which tfjs does not export.
  return value instanceof tf.SymbolicTensor || propertyOf(value, 'val').value instanceof tf.Variable;
}

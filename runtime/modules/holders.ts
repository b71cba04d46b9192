import { basename } from 'node:path';
import type { Names } from '../names.ts';
import type { Namespace } from './namespace.ts';

/**
 * A file was edited and loaded again: which names of the notebook still hold something of the old version? Its
 * functions and classes themselves, and instances of its classes. Undefined when there are none.
 */
export function describeHolders(path: string, old: Namespace, names: Names): string | undefined {
  const exported = new Set<unknown>();
  for (const name of Object.keys(old)) {
    try {
      const value = old[name];
      if ((typeof value === 'object' && value !== null) || typeof value === 'function') exported.add(value);
    } catch {
      // Never initialised.
    }
  }
  const holders: string[] = [];
  for (const [name, value, namespace] of names.entries()) {
    if (namespace === old || value === old || exported.has(value) || isInstance(value, exported))
      holders.push(name);
  }
  if (holders.length === 0) return undefined;
  const shown = holders.slice(0, 8).join(', ') + (holders.length > 8 ? ', …' : '');
  return `note: ${basename(path)} was edited and loaded again; the old version is still held by ${shown}. Run their cells again to update them.`;
}

function isInstance(value: unknown, classes: ReadonlySet<unknown>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    let prototype = Object.getPrototypeOf(value) as object | null;
    for (
      ;
      prototype && prototype !== Object.prototype;
      prototype = Object.getPrototypeOf(prototype) as object | null
    ) {
      const constructor = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as unknown;
      if (constructor !== undefined && classes.has(constructor)) return true;
    }
  } catch {
    // A proxy that refuses.
  }
  return false;
}

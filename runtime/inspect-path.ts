import { inspect, types } from 'node:util';
import { isCalm } from '../src/display/calm.ts';
import { plainText } from '../src/display/plain-text.ts';
import type { Names } from './names.ts';

export interface PathInspection {
  summary: string;
  typeName: string;
}

/**
 * The current value of a dotted path such as `model.layers`, without running a getter or a proxy's trap. Undefined
 * when there is none or it cannot be told without running code.
 */
export function inspectPath(path: string, names: Names): PathInspection | undefined {
  const [head, ...rest] = path.split('.');
  if (!head) return undefined;
  let value: unknown;
  if (names.has(head)) value = names.value(head);
  else {
    const found = ownValue(globalThis, head);
    if (!found) return undefined;
    value = found.value;
  }
  for (const name of rest) {
    const found = ownValue(value, name);
    if (!found) return undefined;
    value = found.value;
  }
  return { summary: summarize(value), typeName: typeNameOf(value) };
}

/** Looks along the prototype chain; a getter or proxy on the way ends the search. */
export function ownValue(owner: unknown, name: string): { value: unknown } | undefined {
  if (owner === null || owner === undefined) return undefined;
  let holder: object | null = Object(owner) as object;
  for (let step = 0; holder && step < 100; step++) {
    if (types.isProxy(holder)) return undefined;
    const property = Object.getOwnPropertyDescriptor(holder, name);
    if (property) return 'value' in property ? { value: property.value as unknown } : undefined;
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return undefined;
}

function typeNameOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object' && typeof value !== 'function') return typeof value;
  if (types.isProxy(value)) return 'Proxy';
  if (typeof value === 'function') return value.toString().startsWith('class') ? 'class' : 'function';
  const constructor = ownValue(value, 'constructor')?.value;
  const name = typeof constructor === 'function' ? ownValue(constructor, 'name')?.value : undefined;
  return typeof name === 'string' && name !== '' ? name : 'object';
}

function summarize(value: unknown): string {
  try {
    if (!isCalm(value)) return plainText(value, { depth: 1, items: 20, characters: 500 });
    return inspect(value, {
      depth: 1,
      getters: false,
      customInspect: false,
      showProxy: true,
      maxArrayLength: 20,
      maxStringLength: 500,
      breakLength: 80,
    });
  } catch (error) {
    return `cannot be shown: ${String(error)}`;
  }
}

import type { Tensor } from '@tensorflow/tfjs';
import type { Tf } from '../../tfjs/instance.ts';

/** A value with its tensors taken out: `unflatten` puts others in. */
export interface Structure<T = unknown> {
  /** Equal keys mean: a trace of the one serves for the other. */
  key: string;
  tensors: Tensor[];
  unflatten(tensors: readonly Tensor[]): T;
}

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

/** A number for an object or function, the same as long as it lives. */
export function identityOf(object: object): number {
  let identity = identities.get(object);
  if (identity === undefined) {
    identity = nextIdentity++;
    identities.set(object, identity);
  }
  return identity;
}

/**
 * Takes a function's arguments, or its result, apart: tensors by shape and dtype, arrays and plain objects by their
 * parts, numbers, texts and the like by value, variables and everything else by identity.
 */
export function flatten<T>(tf: Tf, value: T): Structure<T> {
  const tensors: Tensor[] = [];
  const visit = (part: unknown): { key: string; unflatten: (from: readonly Tensor[]) => unknown } => {
    // A variable may be assigned within, and is then another value than the argument was: it is itself.
    if (part instanceof tf.Tensor && !(part instanceof tf.Variable)) {
      const at = tensors.push(part) - 1;
      return { key: `${part.dtype}[${part.shape.join()}]`, unflatten: (from) => from[at] };
    }
    if (Array.isArray(part)) {
      const parts = part.map(visit);
      return {
        key: `[${parts.map(({ key }) => key).join(';')}]`,
        unflatten: (from) => parts.map(({ unflatten }) => unflatten(from)),
      };
    }
    if (typeof part === 'object' && part !== null) {
      const prototype: unknown = Object.getPrototypeOf(part);
      if (prototype === Object.prototype || prototype === null) {
        const entries = Object.entries(part).map(([name, entry]) => [name, visit(entry)] as const);
        return {
          key: `{${entries.map(([name, { key }]) => `${JSON.stringify(name)}:${key}`).join(';')}}`,
          unflatten: (from) =>
            Object.fromEntries(entries.map(([name, { unflatten }]) => [name, unflatten(from)])),
        };
      }
    }
    const key =
      (typeof part === 'object' && part !== null) || typeof part === 'function'
        ? `#${identityOf(part)}`
        : typeof part === 'symbol'
          ? 'symbol'
          : `${typeof part} ${Object.is(part, -0) ? '-0' : typeof part === 'string' ? JSON.stringify(part) : String(part)}`;
    return { key, unflatten: () => part };
  };
  const { key, unflatten } = visit(value);
  // Other tensors in the same places: a value of the same type.
  return { key, tensors, unflatten: unflatten as Structure<T>['unflatten'] };
}

import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { Handle } from '../../engines/ops.ts';
import type { VariableResource } from '../state/variable-resources.ts';

/** An input of a compiled function in addition to its arguments. */
export type Capture =
  | { kind: 'argument'; index: number; dtype: number; shape: readonly number[] }
  | { kind: 'resource'; variable: WeakRef<Variable>; resource: VariableResource; updated: boolean }
  /** A tensor that lives elsewhere and may be another one next time. */
  | {
      kind: 'tensor';
      current: () => Tensor;
      dtype: number;
      shape: readonly number[];
      source?: Source<Tensor>;
    }
  /** A number that JavaScript may change between calls. */
  | {
      kind: 'number';
      current: () => number;
      dtype: number;
      /** Where in the stream of random numbers the call begins: each run moves it on. */
      random?: boolean;
      /** Undefined where the number belongs to the process. */
      source?: Source<number>;
    }
  /** A tensor that never changes, or the handle of such a resource; the handle is ours. */
  | {
      kind: 'constant';
      handle: Handle;
      dtype: number;
      shape: readonly number[];
      resource?: VariableResource;
      /** The purpose of a resource, where each step needs its own. */
      scratch?: 'flags' | { largestOf: number[] };
    };

/** Something that is read of an object of the model: the same can be read of another model's object in its place. */
export interface Source<T> {
  owner: WeakRef<object>;
  readonly read: (owner: object) => T;
}

/** `read` for whatever object stands in the place of `owner`. */
export function sourceOf<Owner extends object, T>(owner: Owner, read: (owner: Owner) => T): Source<T> {
  return { owner: new WeakRef(owner), read: read as (owner: object) => T };
}

/** Reads a source. @throws Error when its object is gone. */
export function currentOf<T>({ owner, read }: Source<T>): () => T {
  return () => {
    const now = owner.deref();
    if (now === undefined) throw new Error('an object of a compiled step no longer exists');
    return read(now);
  };
}

/** JavaScript state that the graph was made from: when it reads differently, the graph is wrong. */
export interface Guard {
  what: string;
  readonly read: () => string;
  expected: string;
  source: Source<string>;
}

/** A guard on what a source reads now. */
export function guardOf(what: string, source: Source<string>): Guard {
  const read = () => {
    const owner = source.owner.deref();
    return owner === undefined ? '' : source.read(owner);
  };
  return { what, read, expected: read(), source };
}

/** Something that is done in JavaScript after each run, for an object, or for the process. */
export type AfterRun = { source: Source<void> } | { run(): void };

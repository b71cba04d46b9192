import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { Pointer } from '../c-api/functions.ts';
import type { VariableResource } from './variable-resources.ts';

/** What a compiled function is called with, beside its arguments. */
export type GraphInput =
  | { kind: 'argument'; index: number; dtype: number; shape: readonly number[] }
  | { kind: 'resource'; variable: WeakRef<Variable>; resource: VariableResource; updated: boolean }
  /** A tensor that lives elsewhere and may be another one next time. */
  | { kind: 'tensor'; current: () => Tensor; dtype: number; shape: readonly number[] }
  /** A number that JavaScript may change between calls. */
  | {
      kind: 'number';
      current: () => number;
      dtype: number;
      /** Where in the stream of random numbers the call begins: each run moves it on. */
      random?: boolean;
    }
  /** A tensor that never changes, or the handle of such a resource; the handle is ours. */
  | {
      kind: 'constant';
      handle: Pointer;
      dtype: number;
      shape: readonly number[];
      resource?: VariableResource;
    };

/** JavaScript state that the graph was made from: when it reads differently, the graph is wrong. */
export interface Guard {
  what: string;
  read(): string;
  expected: string;
}

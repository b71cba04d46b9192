import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import type { TfEngine } from './engine.ts';
import type { Gradients, TfOptimizer } from './optimizer-view.ts';

/** Computes gradients of a loss with respect to variables. */
type ComputeGradients = (
  this: unknown,
  f: () => Scalar,
  variables?: Variable[],
) => { value: Scalar; grads: Record<string, Tensor> };

/** Makes a function that differentiates the function `f`. */
type Differentiate = (this: unknown, f: unknown) => object;

/** The methods of tfjs that this library replaces, by name, with the signatures that tfjs's types hide (tfjs 4.22). */
export interface ReplacedMethods {
  /** `Layer.prototype` (tfjs-layers/src/engine/topology.ts). `layers`: of a model inside a model. */
  apply(this: { name: string; layers?: unknown }, inputs: unknown, options?: unknown): unknown;
  /** `Sequential.prototype` (tfjs-layers/src/models.ts). `model`: the inner model that trains. */
  build(this: { model?: object }, inputShape?: unknown): void;
  /** `FileDataSource.prototype` (tfjs-data/src/sources/file_data_source.ts). */
  iterator(this: { input: unknown }): Promise<unknown>;
  /** The prototype of tfjs's engine (tfjs-core/src/engine.ts). */
  addTapeNode(this: TfEngine, ...all: unknown[]): void;
  /** Prototypes of optimizers (tfjs-core/src/optimizers). */
  applyGradients(this: TfOptimizer, gradients: Gradients): void;
  /** `Optimizer.prototype`. */
  computeGradients: ComputeGradients;
  /** tfjs itself (tfjs-core/src/gradients.ts), also below. */
  variableGrads: ComputeGradients;
  customGrad: Differentiate;
  grad: Differentiate;
  grads: Differentiate;
  valueAndGrad: Differentiate;
  valueAndGrads: Differentiate;
}

/** Whether an object of tfjs has a method. */
function hasMethod<Name extends keyof ReplacedMethods>(
  owner: object,
  name: Name,
): owner is Pick<ReplacedMethods, Name> {
  return typeof Reflect.get(owner, name) === 'function';
}

/**
 * Replaces a method of one of tfjs's objects or prototypes.
 *
 * @param wrap gets the method as it was, and returns the replacement.
 * @throws TypeError where the object has no such method: tfjs has changed.
 */
export function replaceMethod<Name extends keyof ReplacedMethods>(
  owner: object,
  name: Name,
  wrap: (original: ReplacedMethods[Name]) => ReplacedMethods[Name],
): void {
  if (!hasMethod(owner, name)) throw new TypeError(`tfjs has no method ${name} to replace`);
  if (!Reflect.set(owner, name, wrap(owner[name])))
    throw new TypeError(`tfjs's method ${name} cannot be replaced`);
}

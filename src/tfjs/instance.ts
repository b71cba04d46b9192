import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as tfjs from '@tensorflow/tfjs';
import type { node } from '@tensorflow/tfjs-node-gpu/dist/node.js';
import type { Engine } from '../engines/engine.ts';
import type { EagerBinding } from '../engines/eager.ts';

const INTERNALS: unique symbol = Symbol.for('tensorcell.tfjs');

export type Tf = typeof tfjs & {
  node: typeof node;
  /** Set by the bundle's entry. */
  readonly [INTERNALS]: TfInternals;
};

/** tfjs's interface to a backend. */
type KernelBackend = ReturnType<typeof tfjs.backend>;

/** An entry of the backend's tensor map. */
export interface TensorInfo {
  shape: number[];
  /** A TF_DataType. */
  dtype: number;
  /** The binding's number of the tensor; negative while there is none. */
  id: number;
  /** Values that have not been handed to TensorFlow yet. */
  values: unknown;
  refCount: number;
  /** The resource that holds the value of a variable that compiled steps update; `id` may be `LAZY` then. */
  resource?: ValueResource | undefined;
}

/** A resource that holds an entry's value; `VariableResource` has the rules. */
export interface ValueResource {
  readonly memory: object;
  /** Gives a lazy entry a tensor with the value. */
  materialize(entry: TensorInfo): void;
  /** Ends the tie to the entry, which keeps its value as a tensor. */
  detach(): void;
  /** The entry was disposed. @param free whether the resource's memory goes, too. */
  abandon(entry: TensorInfo, free: boolean): void;
}

/** An id that says: read the resource. tfjs-node takes every negative id for none. */
export const LAZY = -2;

/** tfjs-node's backend class, as far as we use it. */
export interface NodeBackend {
  binding: EagerBinding;
  /** The engine whose eager ops these are, for everything that is not a kernel. */
  engine: Engine;
  tensorMap: {
    get(dataId: object): TensorInfo;
    has(dataId: object): boolean;
    set(dataId: object, info: TensorInfo): void;
    delete(dataId: object): boolean;
    numDataIds(): number;
  };
  getInputTensorIds(tensors: readonly { dataId: object }[]): number[];
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): tfjs.Tensor;
  readSync(dataId: object): unknown;
  disposeData(dataId: object, force?: boolean): boolean;
  executeSingleOutput(
    name: string,
    attributes: { name: string; type: number; value: unknown }[],
    inputs: readonly { dataId: object }[],
  ): tfjs.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: { name: string; type: number; value: unknown }[],
    inputs: readonly { dataId: object }[],
    outputs: number,
  ): tfjs.Tensor[];
}

/** Parts of the bundle that only this library uses. */
export interface TfInternals {
  NodeJSKernelBackend: new (binding: EagerBinding, packageName: string) => NodeBackend & KernelBackend;
  registerKernels(): void;
  /** Every class and function of tfjs's that a model may be made of. */
  builtIns: ReadonlySet<unknown>;
  /** tfjs-layers' losses; `lossesMap` has them by name. */
  losses: {
    lossesMap: Record<string, unknown>;
    /** The key in `map` of a name of tfjs or of Keras (snake case, or short); undefined where it has none. */
    knownName(name: string, map: Readonly<Record<string, unknown>>): string | undefined;
  };
  /** Its metrics, losses among them. */
  metrics: { metricsMap: Record<string, unknown> };
  /** The parts of metrics that are ratios of sums over an epoch. A step gives them behind its values. */
  objective: {
    /** Adds sums over the steps of a call to the logger. */
    addStepSums(
      model: object,
      logger: object,
      labels: readonly string[],
      sums: readonly number[],
      size: number,
    ): void;
    /** Of means of all a step's outputs over samples: those of its labels. */
    withRatios(model: object, means: readonly number[]): number[];
  };
  executor: {
    FeedDict: new (feeds: { key: object; value: tfjs.Tensor }[]) => object;
    execute(outputs: object[], feeds: object): tfjs.Tensor[];
  };
  /** The order in which a model calls its layers. */
  calls: {
    /** Keras's order of the calls that make the outputs, from the calls of these (`ends`). */
    kerasOrder<C extends { layer: object; before: readonly C[] }>(ends: readonly C[]): C[];
    /** Keeps the order of a model's calls, which are Nodes of tfjs. */
    rememberOrder(nodes: readonly object[]): void;
  };
  /** Called at the beginning of tfjs's `fit` and `fitDataset`. */
  training: {
    /** Its own callbacks around the user's. */
    configureCallbacks(...all: unknown[]): { callbackList: object; history: object };
    /** The user's callbacks as instances. */
    standardizeCallbacks(callbacks: unknown, yieldEvery: unknown): object[];
    /**
     * Inputs and targets of an element of a data set, in the model's order, and the weights of its samples for each target;
     * none at all where the element has no weights. @throws Error
     */
    standardizeDataIteratorOutput(
      model: object,
      element: unknown,
    ): { xs: tfjs.Tensor[]; ys: tfjs.Tensor[]; weights: (tfjs.Tensor | null)[] };
    /** Class weights for each output. */
    standardizeClassWeights(weights: unknown, outputs: readonly string[]): (object | null)[];
    /** A weight for each sample; null without class weights. */
    standardizeWeights(
      y: tfjs.Tensor,
      sampleWeight: tfjs.Tensor | null,
      classWeight: object | null,
    ): Promise<tfjs.Tensor | null>;
  };
  /** Asked by tfjs's fused ops whether they should run as separate ones. */
  fusing: { off: () => boolean };
  /** Asked by ops on matrices; undefined lets tfjs compose them. */
  matrices: {
    /** `lower` and `upper` are scalars, and below 0 where all of that side is kept. */
    bandPart:
      | ((x: tfjs.Tensor, lower: tfjs.Tensor, upper: tfjs.Tensor) => tfjs.Tensor | undefined)
      | undefined;
    qr: ((x: tfjs.Tensor, fullMatrices: boolean) => [tfjs.Tensor, tfjs.Tensor] | undefined) | undefined;
  };
  /** Asked by the layers of normalization; undefined lets them compute as tfjs does. */
  normalizing: {
    /** In training: result, mean and variance over all axes but the last. */
    batch: (
      x: tfjs.Tensor,
      gamma: tfjs.Tensor | null,
      beta: tfjs.Tensor | null,
      axes: number[],
      epsilon: number,
    ) => [tfjs.Tensor, tfjs.Tensor, tfjs.Tensor] | undefined;
    layer: (
      x: tfjs.Tensor,
      axes: number[],
      gamma: tfjs.Tensor | null,
      beta: tfjs.Tensor | null,
      epsilon: number,
    ) => tfjs.Tensor | undefined;
  };
  /** Asked by the categorical cross-entropy of probabilities; undefined lets tfjs compose it. */
  crossEntropy: {
    ofProbabilities:
      | ((target: tfjs.Tensor, output: tfjs.Tensor, epsilon: number) => tfjs.Tensor | undefined)
      | undefined;
  };
  /** Asked by weights after an update; true where the constraint follows in the graph, and has not to be applied now. */
  constraining: {
    later: ((variable: tfjs.Variable, change: (value: tfjs.Tensor) => tfjs.Tensor) => boolean) | undefined;
  };
  /** Gives the reason when a gradient needs a kernel that has none: a sentence after a space, or nothing. */
  withoutGradient: { reason: (kernel: string) => string };
  /** Asked by tfjs's recurrent layers before they unroll; time comes first in the inputs and the mask. */
  recurrent: {
    loop:
      | ((
          step: (input: tfjs.Tensor, states: tfjs.Tensor[]) => [tfjs.Tensor, tfjs.Tensor[]],
          inputs: tfjs.Tensor,
          states: tfjs.Tensor[],
          mask: tfjs.Tensor | null | undefined,
          everyOutput: boolean,
        ) => [tfjs.Tensor, tfjs.Tensor | undefined, tfjs.Tensor[]] | undefined)
      | undefined;
  };
  random: {
    /** Where tfjs takes a number from 0 to 1 in JavaScript. */
    next: () => number;
    /** Asked by tfjs's random ops before they draw in JavaScript; undefined lets them. */
    draw:
      | ((
          kind: string,
          shape: number[],
          a: number,
          b: number,
          dtype: string,
          /** An object for a layer's seed, which draws anew in each step. */
          seed: number | string | { readonly seed: unknown } | undefined,
        ) => tfjs.Tensor | undefined)
      | undefined;
  };
}

/** The bundle `tf.cjs`: next to our bundles, or, when run from source, in the checkout's `dist`. */
function tfBundle(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    for (const file of [join(folder, 'tf.cjs'), join(folder, 'dist', 'tf.cjs')]) {
      if (existsSync(file)) return file;
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error('tf.cjs is missing: build it with `npm run build`');
    folder = parent;
  }
}

let folders: string[] | undefined;

/** Absolute folders, each with a slash at its end, of our code and tfjs's: bundles, and sources in a checkout. */
export function libraryFolders(): readonly string[] {
  if (!folders) {
    const bundles = dirname(tfBundle());
    folders = [bundles, join(dirname(bundles), 'src')].map((folder) => `${folder}/`);
  }
  return folders;
}

let instance: Tf | undefined;

/** The one instance of tfjs in this process, before our backend is registered. */
export function tfInstance(): Tf {
  instance ??= createRequire(import.meta.url)(tfBundle()) as Tf;
  return instance;
}

export function tfIsEvaluated(): boolean {
  return instance !== undefined;
}

export function tfInternals(tf: Tf): TfInternals {
  return tf[INTERNALS];
}

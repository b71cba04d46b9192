import type { GradFunc, NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import { ATTR } from '../../engines/dtypes.ts';
import type { OpAttribute } from '../../engines/ops.ts';
import { kernelReplacer, type KernelInputs, type ReplaceKernel } from '../kernel-replacer.ts';
import { engineOf } from '../engine.ts';
import type { NodeBackend, Tf } from '../instance.ts';

/** The gradient of each input by name, computed when it is needed. */
export type InputGradients = Record<string, () => Tensor>;

/**
 * A gradient: of `dy`, what the op saved (inputs first, then outputs) and its
 * attributes. It must consist of ops that have gradients, so that the second order works.
 */
export type Gradient = (dy: Tensor, saved: Tensor[], attributes: NamedAttrMap) => InputGradients;

/** The same for an op with several outputs: `dys` has one tensor for each. */
export type ListGradient = (
  dys: readonly Tensor[],
  saved: Tensor[],
  attributes: NamedAttrMap,
) => InputGradients;

/** The tensors that a gradient needs of the op: names of inputs, and for each output whether it is kept. */
export interface Saves {
  inputs?: string[];
  outputs?: boolean[];
  /** All inputs of an op that takes a list. */
  all?: boolean;
}

/** The functions with which the gradients of this folder are written. */
export interface GradientTools {
  readonly tf: Tf;
  readonly backend: NodeBackend;
  /** Whether ops run on TensorFlow now; tfjs's JavaScript backend lacks the kernels that are added here. */
  readonly onTensorflow: () => boolean;
  /** How many gradients are being taken around this one: above 0 its own ops are recorded. */
  readonly depth: () => number;
  replaceKernel: ReplaceKernel;
  /** Runs an op of TensorFlow. `T` is the first input's dtype where `attributes` has none. */
  readonly run: (
    op: string,
    inputs: readonly Tensor[],
    attributes?: readonly OpAttribute[],
    type?: string,
  ) => Tensor;
  /** Calls a registered kernel, which is recorded for a gradient of this one. */
  readonly call: (kernel: string, inputs: KernelInputs, attributes?: NamedAttrMap) => Tensor;
  /** The same for a kernel with several outputs. */
  readonly callList: (kernel: string, inputs: KernelInputs, attributes?: NamedAttrMap) => readonly Tensor[];
  /** Registers the gradient of an op, in place of tfjs's where there is one. */
  readonly define: (kernel: string, saves: Saves, gradient: Gradient) => void;
  /** The same for an op with several outputs. */
  readonly defineList: (kernel: string, saves: Saves, gradient: ListGradient) => void;
  /** Numbers that gradients can be computed of: complex ones as they are, all others as float32. */
  readonly numbers: (x: Tensor) => Tensor;
  /** The complex conjugate; real tensors as they are. */
  readonly conj: (x: Tensor) => Tensor;
  /** Zeros that are a gradient of `x`. */
  readonly noGradient: (x: Tensor) => Tensor;
  /** The sum of `x` over the axes in which a tensor of this shape was repeated to get the shape of `x`. */
  readonly sumTo: (x: Tensor, shape: readonly number[]) => Tensor;
  /** The gradients of `f` with respect to `xs`, 0 where it does not depend on one. */
  readonly pullBack: (f: () => Tensor, xs: Tensor[], dy: Tensor) => Tensor[];
}

const attr =
  (kind: number) =>
  (name: string, value: unknown): OpAttribute => ({ name, type: kind, value });
export const typeAttribute = attr(ATTR.TYPE);
export const intAttribute = attr(ATTR.INT);
export const floatAttribute = attr(ATTR.FLOAT);
export const boolAttribute = attr(ATTR.BOOL);
export const textAttribute = attr(ATTR.STRING);

/** A plain array of an attribute that may be one number for all axes. */
export function perAxis(value: unknown, axes: number): number[] {
  return typeof value === 'number' ? Array.from({ length: axes }, () => value) : [...(value as number[])];
}

/** One of an op's tensors. @throws RangeError where there are fewer */
export function tensorAt(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index];
  if (tensor === undefined)
    throw new RangeError(`tensor ${index} is not among the ${tensors.length} tensors of an op`);
  return tensor;
}

function isListLike(value: unknown): value is ArrayLike<unknown> {
  return typeof value === 'object' && value !== null && 'length' in value;
}

/** The numbers of an attribute that is a list. @throws TypeError for an attribute that is none */
export function numberList(value: unknown): number[] {
  if (isListLike(value)) return Array.from(value, Number);
  throw new TypeError(`an attribute of an op is ${String(value)}, not a list of numbers`);
}

/** The pairs of an attribute such as `paddings`. @throws TypeError for an attribute that is no list of pairs */
export function numberPairs(value: unknown): [number, number][] {
  if (!isListLike(value))
    throw new TypeError(`an attribute of an op is ${String(value)}, not a list of pairs`);
  return Array.from(value, (pair) => {
    const [first = 0, second = 0] = numberList(pair);
    return [first, second];
  });
}

export function gradientTools(tf: Tf, backend: NodeBackend): GradientTools {
  const engine = engineOf(tf);
  const onTensorflow = () => tf.getBackend() === 'tensorflow';
  const replaceKernel = kernelReplacer(tf, backend);
  const call = (kernel: string, inputs: KernelInputs, attributes?: NamedAttrMap) =>
    tf.engine().runKernel<Tensor>(kernel, inputs, attributes);
  const callList = (kernel: string, inputs: KernelInputs, attributes?: NamedAttrMap) =>
    tf.engine().runKernel<Tensor[]>(kernel, inputs, attributes);

  const run: GradientTools['run'] = (op, inputs, attributes = [], type = 'T') =>
    backend.executeSingleOutput(
      op,
      [typeAttribute(type, backend.tensorMap.get((inputs[0] as Tensor).dataId).dtype), ...attributes],
      inputs,
    );

  const register = (
    kernel: string,
    { inputs = [], outputs = [], all = false }: Saves,
    gradFunc: GradFunc,
  ) => {
    if (tf.getGradient(kernel) !== undefined) tf.unregisterGradient(kernel);
    tf.registerGradient({
      kernelName: kernel,
      inputsToSave: inputs,
      outputsToSave: outputs,
      ...(all ? { saveAllInputs: true } : {}),
      gradFunc,
    });
  };
  const define: GradientTools['define'] = (kernel, saves, gradient) => {
    register(kernel, saves, (dy, saved, attributes) => gradient(dy as Tensor, saved, attributes));
  };
  const defineList: GradientTools['defineList'] = (kernel, saves, gradient) => {
    register(kernel, saves, (dys, saved, attributes) => gradient([dys].flat(), saved, attributes));
  };

  const numbers = (x: Tensor) =>
    x.dtype === 'float32' || x.dtype === 'complex64' ? x : tf.cast(x, 'float32');

  replaceKernel(
    'Conj',
    () =>
      ({ x }) =>
        run('Conj', [x as Tensor]),
  );
  const conj = (x: Tensor) => (x.dtype === 'complex64' ? call('Conj', { x }) : x);

  const noGradient = (x: Tensor) => tf.zeros(x.shape, x.dtype === 'complex64' ? 'complex64' : 'float32');

  const sumTo: GradientTools['sumTo'] = (x, shape) => {
    const axes = tf.broadcast_util.getReductionAxes([...shape], x.shape);
    return tf.reshape(axes.length > 0 ? tf.sum(x, axes) : x, [...shape]);
  };

  const pullBack: GradientTools['pullBack'] = (f, xs, dy) => {
    const { state } = engine;
    const { activeTape } = state;
    const outermost = state.gradientDepth === 0;
    try {
      return engine.gradients(f, xs, dy, true).grads.map((grad, i) => grad ?? noGradient(xs[i] as Tensor));
    } finally {
      // The engine ends its tape with the outermost gradient; here that of the gradient around is still in use.
      if (outermost) state.activeTape = activeTape;
    }
  };

  return {
    tf,
    backend,
    onTensorflow,
    depth: () => engine.state.gradientDepth,
    replaceKernel,
    run,
    call,
    callList,
    define,
    defineList,
    numbers,
    conj,
    noGradient,
    sumTo,
    pullBack,
  };
}

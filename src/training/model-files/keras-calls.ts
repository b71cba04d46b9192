import type * as Tf from '@tensorflow/tfjs';
import { tfInternals } from '../../tfjs/instance.ts';
import { unsupported } from './errors.ts';
import { ATTENTION, attentionFromKeras, type AttentionCall } from './keras-attention.ts';
import type { Json } from './keras-layers.ts';
import { WITH_STATES } from './keras-properties.ts';

/** Where a tensor comes from: layer, call of the layer, output of the call. */
export type Source = [layer: string, node: number, tensor: number];

/** The inputs of one call of a layer, or of an op. */
export interface Call {
  inputs: Source[];
  /** Where a mask comes from that is handed over by name; null where none is on purpose. */
  mask?: Source | null | undefined;
  /** Plain values in addition to tensors: ops have them. */
  values: unknown[];
  /** Options that this call sets for the layer. */
  options?: AttentionCall['options'];
}

/** One reference stands by itself, several stand in a list, or under names. */
export function sources(value: unknown): Source[] {
  if (Array.isArray(value)) {
    if (typeof value[0] === 'string' && typeof value[1] === 'number') return [value as Source];
    return value.flatMap((item) => sources(item));
  }
  if (typeof value === 'object' && value !== null) {
    const named = value as Json;
    return Object.keys(named)
      .sort()
      .flatMap((key) => sources(named[key]));
  }
  return [];
}

/** Layers that do the same whether they train or not, and that Keras calls as if they did. */
const PREPROCESSING: ReadonlySet<string> = new Set(['CenterCrop', 'Rescaling', 'Resizing', 'Normalization']);

/** Arguments that are the same as none. */
function isUsual(className: string, key: string, value: unknown): boolean {
  if (value === null) return true;
  if (key === 'training') return value === false || PREPROCESSING.has(className);
  return key === 'use_causal_mask' && value === false;
}

/**
 * Reads one of the calls that Keras notes with a layer or an op.
 *
 * @throws ModelFileError naming the layer and the argument that it does not take here.
 */
export function callOf(name: string, className: string, node: unknown, isOp: boolean): Call {
  const refused = (key: string): Error =>
    unsupported(`layer ${name} of class ${className} was called with ${key}, which is not supported here`);
  // Keras 2: [[layer, node, tensor, keywords], …].
  if (Array.isArray(node)) {
    const inputs = node.map((reference: unknown): Source => {
      const [from, index, tensor, keywords] = reference as [string, number, number, Json?];
      for (const [key, value] of Object.entries(keywords ?? {}))
        if (!isUsual(className, key, value)) throw refused(key);
      return [from, index, tensor];
    });
    return { inputs, values: [] };
  }
  const { args, kwargs = {} } = node as { args: unknown; kwargs?: Json };
  if (className === ATTENTION) {
    const { tensors, options } = attentionFromKeras(name, args, kwargs);
    return { inputs: tensorsIn(tensors, []), values: [], options };
  }
  const values: unknown[] = [];
  const inputs = tensorsIn(args, values);
  if (values.length > 0 && !isOp) {
    throw unsupported(
      `layer ${name} of class ${className} takes ${JSON.stringify(values[0])} in addition to tensors, which is not supported here`,
    );
  }
  let mask: Source | null | undefined = kwargs['mask'] === null ? null : undefined;
  for (const [key, value] of Object.entries(kwargs)) {
    if (isUsual(className, key, value)) continue;
    const others: unknown[] = [];
    const tensors = tensorsIn(value, others);
    if (key === 'initial_state' && WITH_STATES.has(className)) inputs.push(...tensors);
    else if (key === 'mask' && tensors.length === 1 && others.length === 0) mask = tensors[0];
    else if (!isOp || tensors.length > 0) throw refused(key);
  }
  const begins = WITH_STATES.has(className) && inputs.length > 1;
  return { inputs, mask: begins ? (mask ?? null) : mask, values };
}

/** The tensors in a structure; what else there is goes to `values`. */
function tensorsIn(value: unknown, values: unknown[]): Source[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => tensorsIn(item, values));
  const { class_name: className, config } = value as { class_name?: unknown; config?: Json };
  if (className === '__keras_tensor__') return [config?.['keras_history'] as Source];
  values.push(value);
  return [];
}

/** A layer, or an op, as the order of calls needs it. */
interface Caller {
  name: string;
  calls: readonly Call[];
  /** The calls in tfjs, Nodes, in order; ops have none. */
  made: readonly object[];
  /** The number of the first call. */
  first: number;
}

/** A call in Keras's order of calls. */
interface OrderedCall {
  key: string;
  layer: Caller;
  before: OrderedCall[];
  made: object | undefined;
}

/**
 * Has layers called in Keras's order, in which the ops that make masks count too. It matters where a layer has several calls.
 *
 * @param outputs where the model's outputs come from
 * @returns the calls in that order, as `layer/number`
 */
export function keepCallOrder(
  tf: typeof Tf,
  callers: readonly Caller[],
  outputs: readonly Source[],
): string[] {
  const known = new Map<string, OrderedCall>();
  const keyOf = ({ name, first }: Caller, at: number): string => `${name}/${first + at}`;
  for (const caller of callers) {
    for (const at of caller.calls.keys())
      known.set(keyOf(caller, at), {
        key: keyOf(caller, at),
        layer: caller,
        before: [],
        made: caller.made[at],
      });
  }
  const callsOf = (from: readonly Source[]): OrderedCall[] =>
    from.flatMap(([name, at]) => known.get(`${name}/${at}`) ?? []);
  for (const caller of callers) {
    for (const [at, { inputs, mask }] of caller.calls.entries()) {
      const call = known.get(keyOf(caller, at)) as OrderedCall;
      call.before = callsOf(mask === undefined || mask === null ? inputs : [...inputs, mask]);
    }
  }
  const { calls } = tfInternals(tf as Parameters<typeof tfInternals>[0]);
  const order = calls.kerasOrder(callsOf(outputs));
  if (callers.some(({ calls: several }) => several.length > 1))
    calls.rememberOrder(order.flatMap(({ made }) => made ?? []));
  return order.map(({ key }) => key);
}

import { createHash } from 'node:crypto';
import type { Tensor } from '@tensorflow/tfjs';
import { tfInternals, type Tf } from '../../tfjs/instance.ts';
import { isOfLibrary } from '../guards/user-code.ts';
import { identityOf } from '../guards/signature.ts';

/**
 * The form of a model: a digest of its layers, weights, optimizer, losses and metrics as a graph of objects, in which names
 * and the values of weights do not count. Models of equal forms have the same trace, except for which objects it is about:
 * those at the same places of `parts`.
 */
export interface ModelForm {
  digest: string;
  /** Every object of the model, in the order of the first visit. */
  parts: readonly object[];
}

/** Fields that a trace does not depend on: names, numbers of objects, what changes while a model is trained. */
const IGNORED: ReadonlySet<string> = new Set([
  '_refCount',
  'containerNodes',
  // A recurrent layer makes its masks anew in each call.
  'dropoutMask',
  'feedInputNames',
  'feedOutputNames',
  'history',
  'id',
  'inputNames',
  'isTraining',
  'iterations_',
  'metricsNames',
  'name',
  'originalName',
  'outputNames',
  'predictFunction',
  'recurrentDropoutMask',
  'stopTraining_',
  'testFunction',
  'trainFunction',
  'userDefinedMetadata',
]);

/** Inputs of the update ops of these optimizers (`optimizers.ts`). */
const RATES: ReadonlySet<string> = new Set(['learningRate', 'c', 'm']);

/** Tensors up to this many elements count by their values, larger ones by identity. */
const SMALL = 64;

/** The function that tfjs's `addWeight` keeps for the regularizer of a weight. */
const REGULARIZES = /^\(\) => regularizer\.apply\(\w+\.read\(\)\)$/;

/**
 * The form of a model of built-in classes only.
 *
 * @returns undefined where something is in it whose state cannot be seen from outside.
 */
export function formOf(tf: Tf, model: object): ModelForm | undefined {
  const known = knownClasses(tf, model);
  const lines: string[] = [];
  const parts: object[] = [];
  const numbers = new Map<object, number>();
  const reference = (value: object): string => {
    let number = numbers.get(value);
    if (number === undefined) {
      number = parts.push(value) - 1;
      numbers.set(value, number);
    }
    return `#${number}`;
  };
  const described = (value: unknown, key: string): string => {
    if (typeof value === 'function') {
      return key === '_losses' && REGULARIZES.test(String(value))
        ? 'regularizer'
        : `function ${identityOf(value)}`;
    }
    if (typeof value === 'object' && value !== null) return reference(value);
    return Object.is(value, -0) ? '-0' : typeof value === 'string' ? JSON.stringify(value) : String(value);
  };
  reference(model);
  // Breadth first: a deep network does not nest calls.
  for (let next = 0; next < parts.length; next++) {
    const line = lineOf(tf, known, parts[next] as object, described);
    if (line === undefined) return undefined;
    lines.push(line);
  }
  return { digest: createHash('sha256').update(lines.join('\n')).digest('base64'), parts };
}

/** One object: its class, and its fields with references to other objects. */
function lineOf(
  tf: Tf,
  known: ReadonlySet<unknown>,
  part: object,
  described: (value: unknown, key: string) => string,
): string | undefined {
  if (part instanceof tf.Variable) return `variable ${part.dtype} [${part.shape.join()}] ${part.trainable}`;
  if (part instanceof tf.Tensor) return tensorLine(part);
  if (ArrayBuffer.isView(part)) return undefined;
  if (Object.getOwnPropertySymbols(part).length > 0) return undefined;
  if (part instanceof Map || part instanceof Set) return undefined;
  const kind = Object.getPrototypeOf(part) === null ? Object : part.constructor;
  if (!known.has(kind) && !isOfLibrary(kind)) return undefined;
  const ignored = (key: string) => IGNORED.has(key) || (RATES.has(key) && takesRates(tf, part));
  const fields = Object.entries(part)
    .filter(([key]) => !ignored(key))
    .map(([key, value]) => `${JSON.stringify(key)}:${arrayOrOne(value, key, described)}`);
  return `${identityOf(kind)} ${fields.join()}`;
}

function arrayOrOne(value: unknown, key: string, described: (value: unknown, key: string) => string): string {
  return Array.isArray(value)
    ? `[${value.map((entry) => (Array.isArray(entry) ? arrayOrOne(entry, key, described) : described(entry, key))).join()}]`
    : described(value, key);
}

function tensorLine(tensor: Tensor): string {
  const values =
    !tensor.isDisposed && tensor.size <= SMALL && tensor.dtype !== 'string' ? valuesOf(tensor) : undefined;
  return `tensor ${tensor.dtype} [${tensor.shape.join()}] ${values ?? `#${identityOf(tensor)}`}`;
}

function valuesOf(tensor: Tensor): string | undefined {
  try {
    return Array.from(tensor.dataSync() as Float32Array).join();
  } catch {
    // It stands for a value of a graph that was made, or belongs to another backend.
    return undefined;
  }
}

/** Whether an optimizer's rates are inputs of its graph. */
function takesRates(tf: Tf, part: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(part);
  return (
    prototype === tf.AdamOptimizer.prototype ||
    prototype === tf.SGDOptimizer.prototype ||
    prototype === tf.MomentumOptimizer.prototype ||
    (prototype === tf.RMSPropOptimizer.prototype && (part as { centered?: boolean }).centered !== true)
  );
}

/** Classes whose objects are what their fields are. */
function knownClasses(tf: Tf, model: object): ReadonlySet<unknown> {
  const [layer] = (model as { layers: { inboundNodes: object[] }[] }).layers;
  return new Set<unknown>([
    ...tfInternals(tf).builtIns,
    layer?.inboundNodes[0]?.constructor,
    tf.SymbolicTensor,
    tf.InputSpec,
    tf.LayerVariable,
    Array,
    Object,
  ]);
}

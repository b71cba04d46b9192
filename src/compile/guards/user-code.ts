import type { Tf } from '../../tfjs/instance.ts';
import { tfInternals } from '../../tfjs/instance.ts';
import { replaceMethod } from '../../tfjs/replace-method.ts';
import { propertyOf } from './known-code.ts';
import type { Root } from './guarded-state.ts';
import type { Declarations } from './state-walk.ts';

/**
 * User code inside a model. State that a function or class reads in addition to tensors (a counter, a weight that a
 * callback changes) is a constant of a graph: `guarded-state.ts` watches it, unless the user says with `traceable` that
 * there is nothing of the kind, or with `eager` that it is never to be compiled.
 */

const declared = new WeakSet<object>();
const library = new WeakSet<object>();
const eagerCode = new WeakSet<object>();
const originals = new WeakMap<object, object>();

/**
 * Says that a function, or a class of layers, losses, metrics, regularizers or optimizers, computes only from its
 * arguments, its weights and constants: it is compiled without a look at what else it could read. For functions and
 * classes of your own that does not have to be said; it saves the guard check, 0.1 to 0.3 ms for each before each call of a graph.
 */
export function traceable<T extends object>(code: T): T {
  declared.add(code);
  return code;
}

/** The same for a class of this library, whose objects have no state but their fields. */
export function ofLibrary<T extends object>(code: T): T {
  library.add(code);
  return traceable(code);
}

/** Whether a class is one of this library. */
export function isOfLibrary(code: unknown): boolean {
  return typeof code === 'function' && library.has(code);
}

/**
 * Says that a function, or a class of layers, losses, metrics, regularizers or optimizers, is never to be compiled:
 * models with it run eagerly, as in tfjs itself. For code that does in each step what Tensorcell cannot notice, such as
 * writing a file.
 */
export function eager<T extends object>(code: T): T {
  eagerCode.add(code);
  return code;
}

/** Says that a function of this library runs a function of the user's. */
export function standFor(ours: object, theirs: object): void {
  originals.set(ours, theirs);
}

/** Lets functions that tfjs makes of the user's be known as those. */
export function installUserCode(tf: Tf): void {
  for (const name of ['customGrad', 'grad', 'grads', 'valueAndGrad', 'valueAndGrads'] as const) {
    replaceMethod(tf, name, (original) => (f) => {
      const made = original(f);
      if (typeof f === 'function') standFor(made, f);
      return made;
    });
  }
}

export const declarations: Declarations = {
  isDeclared: (code) => declared.has(code),
  isEager: (code) => eagerCode.has(code),
  standsFor: (code) => originals.get(code),
  isLibrary: (module) => propertyOf(module, 'traceable').value === traceable,
};

/** JavaScript values that layers were given and that callbacks may change later, such as a dropout rate. */
export interface Setting {
  owner: Record<string, unknown>;
  name: string;
  value: unknown;
}

interface Found {
  /** Why there can be no graph, in words. */
  obstacle: string | undefined;
  settings: Setting[];
  /** User code, and objects of user classes. */
  roots: Root[];
}

interface ModelParts {
  layers: object[];
  lossFunctions?: unknown[];
  metricsTensors?: [unknown, number][];
  optimizer_?: object;
}

/** Fields that change as a model runs. */
const volatile = new Set([
  'iterations_',
  'stopTraining_',
  'isTraining',
  '_built',
  'built',
  '_stateful',
  'id',
  'learningRate',
]);

/** Looks through a model for code that is not tfjs's own, and for values that may change. */
export function inspectModel(tf: Tf, model: object): Found {
  const { builtIns } = tfInternals(tf);
  const { Serializable } = tf.serialization;
  const settings: Setting[] = [];
  const roots: Root[] = [];
  const seen = new Set<object>();
  let obstacle: string | undefined;
  const own = (name: string, code: object): void => {
    if (eagerCode.has(code)) obstacle ??= `${name} is marked with tensorcell.eager`;
    else if (!builtIns.has(code) && !declared.has(code)) roots.push({ name, value: code });
  };
  /** An object of a class, built in or not. @returns whether the class is the user's. */
  const ofClass = (name: string, part: object): boolean => {
    const { constructor } = part;
    if (eagerCode.has(constructor)) obstacle ??= `${constructor.name} is marked with tensorcell.eager`;
    if (builtIns.has(constructor) || declared.has(constructor)) {
      // Functions replaced methods of the object.
      for (const [field, value] of Object.entries(part)) {
        if (typeof value === 'function') own(`${name}.${field}`, value as object);
      }
      return false;
    }
    roots.push({ name, value: part });
    return true;
  };

  const visit = (part: object): void => {
    if (seen.has(part)) return;
    seen.add(part);
    const theirs = ofClass((part as { name?: string }).name ?? part.constructor.name, part);
    for (const [name, value] of Object.entries(part)) {
      if (volatile.has(name)) continue;
      if (!theirs && (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string')) {
        settings.push({ owner: part as Record<string, unknown>, name, value });
      }
      for (const entry of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (!(entry instanceof Serializable)) continue;
        if (!Array.isArray(value)) settings.push({ owner: part as Record<string, unknown>, name, value });
        // Nodes lead from a layer to all others, models included: those come by themselves.
        if (name !== 'inboundLayers' && name !== 'inputLayers' && name !== 'outputLayers') visit(entry);
      }
    }
    if ((part as { stateful?: boolean }).stateful === true && 'states_' in part)
      obstacle ??= 'a layer is stateful';
    const layers = (part as { layers?: unknown }).layers;
    if (Array.isArray(layers)) for (const layer of layers as object[]) visit(layer);
  };

  const parts = model as ModelParts;
  own(model.constructor.name, model.constructor);
  for (const layer of parts.layers) visit(layer);
  for (const loss of parts.lossFunctions ?? []) if (typeof loss === 'function') own('the loss', loss);
  for (const [metric] of parts.metricsTensors ?? [])
    if (typeof metric === 'function') own('a metric', metric);
  // The settings of tfjs's own optimizers are inputs of graphs, and the optimizers handle the rest themselves.
  if (parts.optimizer_ !== undefined) ofClass('the optimizer', parts.optimizer_);
  return { obstacle, settings, roots };
}

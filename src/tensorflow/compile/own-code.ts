import type { Tf } from '../tfjs/instance.ts';
import { tfInternals } from '../tfjs/instance.ts';

/**
 * Code of users inside a model. What a function or class of theirs reads beside tensors (a counter, a weight that a
 * callback changes) would be a constant of a graph, and nothing would tell: such a model runs op by op, unless the user
 * says with `traceable` that there is nothing of the kind.
 */

const declared = new WeakSet<object>();

/**
 * Says that a function, or a class of layers, losses, metrics, regularizers or optimizers, computes only from its
 * arguments, its weights and constants, so that models with it may be compiled.
 */
export function traceable<T extends object>(code: T): T {
  declared.add(code);
  return code;
}

/** JavaScript values that layers were given and that callbacks may change later, such as a dropout rate. */
export interface Setting {
  owner: Record<string, unknown>;
  name: string;
  value: unknown;
}

interface Found {
  /** What stands in the way of a graph, in words. */
  obstacle: string | undefined;
  settings: Setting[];
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
  const seen = new Set<object>();
  let obstacle: string | undefined;
  const refuse = (why: string) => {
    obstacle ??= why;
  };
  const ownFunction = (fn: unknown): boolean =>
    typeof fn === 'function' && !builtIns.has(fn) && !declared.has(fn);

  const visit = (part: object): void => {
    if (seen.has(part)) return;
    seen.add(part);
    const constructor = part.constructor;
    if (!builtIns.has(constructor) && !declared.has(constructor)) {
      refuse(
        `${constructor.name} is a class of yours (mark it with tensorcell.traceable if it keeps no other state)`,
      );
    }
    for (const [name, value] of Object.entries(part)) {
      if (name === 'call' && typeof value === 'function') refuse('a layer has a call function of its own');
      if (name === '_callHook' && value !== null && value !== undefined) refuse('a layer has a call hook');
      if (volatile.has(name)) continue;
      if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') {
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
      refuse('a layer is stateful');
    const layers = (part as { layers?: unknown }).layers;
    if (Array.isArray(layers)) for (const layer of layers as object[]) visit(layer);
  };

  const parts = model as ModelParts;
  for (const layer of parts.layers) visit(layer);
  for (const loss of parts.lossFunctions ?? []) {
    if (ownFunction(loss))
      refuse('its loss is a function of yours (mark it with tensorcell.traceable if it keeps no state)');
  }
  for (const [metric] of parts.metricsTensors ?? []) {
    if (ownFunction(metric))
      refuse('a metric is a function of yours (mark it with tensorcell.traceable if it keeps no state)');
  }
  const optimizer = parts.optimizer_;
  if (
    optimizer !== undefined &&
    !builtIns.has(optimizer.constructor) &&
    !declared.has(optimizer.constructor)
  ) {
    refuse(
      'its optimizer is a class of yours (mark it with tensorcell.traceable if it keeps no other state)',
    );
  }
  return { obstacle, settings };
}

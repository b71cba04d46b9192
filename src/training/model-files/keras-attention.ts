import { unsupported } from './errors.ts';
import type { Json } from './keras-layers.ts';

/** How Keras calls multi-head attention: there masks and causality belong to a call, here to the layer. */

export const ATTENTION = 'MultiHeadAttention';

/** The parameters of its call, in order (keras/src/layers/attention/multi_head_attention.py). */
const PARAMETERS = [
  'query',
  'value',
  'key',
  'query_mask',
  'value_mask',
  'key_mask',
  'attention_mask',
  'return_attention_scores',
  'training',
  'use_causal_mask',
];

const TENSORS: ReadonlySet<string> = new Set(['query', 'value', 'key', 'attention_mask']);

/** The options that a call means for the layer, and its tensors in the order in which the layer takes them. */
export interface AttentionCall {
  tensors: unknown[];
  options: { attentionMask: boolean; useCausalMask: boolean };
}

/** Reads a call. @throws ModelFileError naming the layer and the argument that it lacks here */
export function attentionFromKeras(name: string, args: unknown, kwargs: Json): AttentionCall {
  const given: Json = { ...kwargs };
  for (const [at, value] of (Array.isArray(args) ? args : [args]).entries()) {
    given[PARAMETERS[at] ?? String(at)] = value;
  }
  const usual = (key: string, value: unknown): boolean =>
    value === null || (!TENSORS.has(key) && value === false);
  for (const [key, value] of Object.entries(given)) {
    const known = TENSORS.has(key) || (key === 'use_causal_mask' && typeof value === 'boolean');
    if (known || usual(key, value)) continue;
    throw unsupported(
      `layer ${name} of class ${ATTENTION} was called with ${key}, which is not supported here`,
    );
  }
  const { query, value, key = null, attention_mask: mask = null } = given;
  return {
    tensors: [query, value, key, mask].filter((tensor) => tensor !== null),
    options: { attentionMask: mask !== null, useCausalMask: given['use_causal_mask'] === true },
  };
}

/** The options of a layer from all its calls. @throws ModelFileError where they differ */
export function attentionOptions(name: string, calls: readonly AttentionCall['options'][]): Json {
  const [first] = calls;
  for (const key of ['attentionMask', 'useCausalMask'] as const) {
    if (calls.some((call) => call[key] !== first?.[key])) {
      const argument = key === 'attentionMask' ? 'attention_mask' : 'use_causal_mask';
      throw unsupported(
        `layer ${name} of class ${ATTENTION} was called with and without ${argument}, which is not supported here`,
      );
    }
  }
  return { ...first };
}

/** A call as Keras writes it, of the tensors that the layer takes and its configuration (in snake case). */
export function attentionToKeras(tensors: readonly Json[], config: Json): Json {
  const masked = config['attention_mask'] === true;
  const [query, value = query, key] = masked ? tensors.slice(0, -1) : tensors;
  return {
    args: key === undefined ? [query, value] : [query, value, key],
    kwargs: {
      ...(masked ? { attention_mask: tensors.at(-1) } : {}),
      ...(config['use_causal_mask'] === true ? { use_causal_mask: true } : {}),
    },
  };
}

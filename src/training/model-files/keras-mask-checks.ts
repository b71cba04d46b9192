import { unsupported } from './errors.ts';
import { layerFields } from '../../tfjs/layers-view.ts';
import { ATTENTION } from './keras-attention.ts';
import { axisOf, isFromModel, MODELS, type LayerCall, type MaskTracker } from './keras-masks.ts';
import { WITH_STATES } from './keras-properties.ts';

type Layer = LayerCall['layer'];

/** Where masks are in Keras as a model runs, and not only as it is built. */

function lostMask(layer: Layer): Error {
  return unsupported(
    `layer ${layer.name} of class ${layer.getClassName()}: Keras drops the mask of its input in another ${ATTENTION} before it, and a mask that Keras drops is not supported here; ` +
      'hand the mask over as attention_mask (attentionMask: true)',
  );
}

/**
 * Keras takes the masks off the tensors that attention is called with (`call` in
 * keras/src/layers/attention/multi_head_attention.py): layers behind those have none as a model runs there, where here they do.
 *
 * @param order numbers of calls, as `layer/number`, in the order in which Keras runs them
 * @param outputs the tensors that are wanted
 * @returns those of `outputs` whose masks are gone as Keras runs the model
 * @throws ModelFileError for a layer that would compute with another mask than there.
 */
export function bareOutputs(
  masks: MaskTracker,
  order: readonly string[],
  outputs: readonly string[],
): string[] {
  const calls = new Map(
    masks.calls.map((call) => [call.output.slice(0, call.output.lastIndexOf('/')), call]),
  );
  const bare = new Set<string>();
  for (const key of order) {
    const call = calls.get(key);
    if (call === undefined) continue;
    const { layer, inputs, output, named } = call;
    const isAttention = layer.getClassName() === ATTENTION;
    if (inputs.some((input) => bare.has(input)) && !named) {
      if (isAttention || computes(layer)) throw lostMask(layer);
      if (masks.maskAt(output) !== undefined) bare.add(output);
    }
    if (isAttention) for (const input of inputs) if (masks.maskAt(input) !== undefined) bare.add(input);
  }
  return outputs.filter((output) => bare.has(output));
}

/** Whether a layer computes with the masks that its inputs have as it runs, although none is named. */
function computes(layer: Layer): boolean {
  const className = layer.getClassName();
  // Along the last axis, what counts as data everywhere is the same as no mask.
  if (className === 'Concatenate') return axisOf(layer) !== -1;
  return ['Multiply', 'Maximum', 'Minimum'].includes(className) || MODELS.has(className);
}

/** Checks a model that is to be written. @throws ModelFileError for a layer that would have another mask in Keras. */
export function checkWritten(masks: MaskTracker): void {
  checkAttention(masks);
  checkInitialStates(masks);
  checkJoined(masks);
}

/** As {@link bareOutputs}, where the order of calls in Keras is not known yet. */
function checkAttention(masks: MaskTracker): void {
  const takers = new Map<string, Set<object>>();
  for (const call of masks.calls) {
    if (call.layer.getClassName() !== ATTENTION) continue;
    for (const input of call.inputs) {
      if (masks.maskAt(input) === undefined) continue;
      const set = takers.get(input) ?? new Set();
      takers.set(input, set.add(call));
    }
  }
  const lost = new Set<string>();
  for (const call of masks.calls) {
    const { layer, inputs, output } = call;
    const others = (input: string): boolean => [...(takers.get(input) ?? [])].some((taker) => taker !== call);
    if (!inputs.some((input) => lost.has(input) || others(input))) continue;
    if (layer.getClassName() === ATTENTION) throw lostMask(layer);
    if (masks.maskAt(output) !== undefined) lost.add(output);
  }
}

/** A recurrent layer that begins with given states has only a mask that is named, and that of a model inside has no name. */
function checkInitialStates(masks: MaskTracker): void {
  for (const { layer, inputs } of masks.calls) {
    const { maskWithStates } = layerFields(layer);
    const className = layer.getClassName();
    if (!maskWithStates || inputs.length < 2 || !WITH_STATES.has(className)) continue;
    if (!isFromModel(masks.maskAt(inputs[0] as string) ?? '')) continue;
    throw unsupported(
      `layer ${layer.name} of class ${className} is called with first states and the mask of a model inside, which Keras ignores there: make it with maskWithStates: false, or put the layers of the inner model into the outer one`,
    );
  }
}

/**
 * Keras does not know the mask of a model inside while it makes the ops of a concatenation's mask: it is as if there was
 * none, if another input has one that is known.
 */
function checkJoined(masks: MaskTracker): void {
  for (const { layer, inputs } of masks.calls) {
    if (layer.getClassName() !== 'Concatenate') continue;
    const known = inputs.flatMap((input) => masks.maskAt(input) ?? []);
    if (!known.some(isFromModel) || known.every(isFromModel)) continue;
    throw unsupported(
      `layer ${layer.name} of class Concatenate joins the mask of a model inside with another one, which Keras takes for no mask: put the layers of the inner model into the outer one`,
    );
  }
}

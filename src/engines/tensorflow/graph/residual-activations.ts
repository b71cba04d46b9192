import type { GraphBuilder } from '../../engine.ts';
import type { GraphOutput } from '../../ops.ts';

/** Activations for which TensorFlow's optimizer looks for a sum before them. */
const ACTIVATIONS = new Set(['Relu', 'Relu6', 'Elu']);
const SUMS = new Set(['Add', 'AddV2', 'AddN']);

/**
 * The inputs of an operation that is about to be added, so that TensorFlow's optimizer gets along with it.
 *
 * Of an activation of the sum of a dense layer and something else (a residual connection, a SimpleRNN) its remapper
 * makes a node without an op (2.21 on CPUs: FindContractionWithBiasAndAddActivation takes MatMul as well, but
 * what it makes is only filled in for convolutions), and then the whole function stays unoptimized. A Snapshot passes
 * its input on without a copy, and is not looked through.
 */
export function separated(
  graph: GraphBuilder,
  type: string,
  inputs: readonly GraphOutput[],
): readonly GraphOutput[] {
  const [sum] = inputs;
  if (sum === undefined || !ACTIVATIONS.has(type)) return inputs;
  const added = graph.made.get(sum.oper);
  if (added === undefined || !SUMS.has(added.type)) return inputs;
  const dense = added.inputs.some((part) => {
    const biased = producer(graph, part);
    return biased?.type === 'BiasAdd' && producer(graph, biased.inputs[0])?.type === 'MatMul';
  });
  return dense ? [{ oper: graph.operation('Snapshot', [sum]), index: 0 }] : inputs;
}

/** The op that made a value, beyond ops that only pass it on or are optimized away. */
function producer(graph: GraphBuilder, value: GraphOutput | undefined) {
  let made = value === undefined ? undefined : graph.made.get(value.oper);
  while (made?.type === 'Reshape' || made?.type === 'Identity') {
    const [inner] = made.inputs;
    made = inner === undefined ? undefined : graph.made.get(inner.oper);
  }
  return made;
}

import type { Tensor } from '@tensorflow/tfjs';
import type { GraphOutput } from '../../engines/ops.ts';
import { engineOf } from '../../tfjs/engine.ts';
import { tfInternals, type Tf } from '../../tfjs/instance.ts';
import { activeTrace } from '../tracing/active-trace.ts';
import { blockLstm, isBlockLstm } from './block-lstm.ts';
import { Backward, type BackwardResult } from './recurrent-backward.ts';
import { Forward, type Sequence, type Step } from './recurrent-forward.ts';
import { dependsOnTargets, gradientsApart, isTaping, watchGradients } from '../tracing/tape.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';
import { Untraceable } from '../../engines/untraceable.ts';

/**
 * With fewer steps of time a layer is unrolled: a loop has a graph that is traced 2 to 7 times faster, but each turn of it
 * costs 30 to 60 µs, by which a step of an LSTM of 32 units takes 1.2 to 1.5 times as long on a CPU.
 * XLA compiles a loop of 20 steps in 1 s, and the same steps unrolled in 5.6. `TENSORCELL_RECURRENT=loop` or `unrolled`
 * decides otherwise.
 */
function fewestSteps(trace: TraceScope): number {
  switch (choice()) {
    case 'loop':
      return 2;
    case 'unrolled':
      return Infinity;
    default:
      return trace.forXla ? 2 : 48;
  }
}

function choice(): string | undefined {
  return process.env['TENSORCELL_RECURRENT'];
}

/**
 * Makes tfjs's recurrent layers loops in a graph, where they would be unrolled: the graph of a layer is as large for a
 * thousand steps as for ten.
 *
 * The first step is unrolled; cells make their dropout masks in it. The loop's body is the traced step, and the values that the
 * backward pass needs of it are kept in lists; the backward pass is a loop over the step's own gradient, which tfjs's tape gives.
 */
export function installRecurrentLoops(tf: Tf): void {
  watchGradients(tf);
  tfInternals(tf).recurrent.loop = (step, inputs, states, mask, everyOutput) => {
    const trace = activeTrace();
    if (trace === undefined || !trace.loops || trace.nested || states.length === 0) return undefined;
    // These ops have no second gradient.
    if (engineOf(tf).state.gradientDepth > 1) return undefined;
    const times = inputs.shape[0];
    trace.differsForXla = true;
    const part = (sequence: Tensor, from: number, count: number): Tensor =>
      tf.slice(
        sequence,
        [from, ...sequence.shape.slice(1).map(() => 0)],
        [count, ...sequence.shape.slice(1)],
      );
    const { cell } = step as { cell?: object };
    if (choice() === undefined && !trace.forXla && !mask && inputs.rank === 3 && isBlockLstm(tf, cell)) {
      const [h, c] = states as [Tensor, Tensor];
      const { outputs, cell: carry } = blockLstm(tf, trace, cell, inputs, [h, c]);
      const last = tf.reshape(part(outputs, times - 1, 1), h.shape);
      return [last, everyOutput ? tf.transpose(outputs, [1, 0, 2]) : undefined, [last, carry]];
    }
    if (times < fewestSteps(trace)) return undefined;
    // A step keeps output and states of samples whose mask is 0, as tfjs's `rnn` has it.
    const masked: Step = (input, at, before) => {
      const [output, next] = step(input, before);
      if (at === undefined) return [output, next];
      const kept = tf.sub(tf.onesLike(at), at);
      const mix = (now: Tensor, old: Tensor) => tf.add(tf.mul(now, at), tf.mul(old, kept));
      return [mix(output, before[0] as Tensor), next.map((state, i) => mix(state, before[i] as Tensor))];
    };
    const first = (sequence: Tensor) => tf.reshape(part(sequence, 0, 1), sequence.shape.slice(1));
    const rest = (sequence: Tensor) => part(sequence, 1, times - 1);
    const [output, next] = masked(first(inputs), mask ? first(mask) : undefined, states);
    for (const [i, state] of states.entries()) {
      const now = next[i];
      if (now?.dtype !== state.dtype || now.shape.join() !== state.shape.join()) {
        throw new Untraceable('a state of a recurrent layer changes its shape', 'loops');
      }
    }
    const { finals, outputs } = loop(tf, trace, masked, {
      inputs: rest(inputs),
      mask: mask ? rest(mask) : undefined,
      output,
      states: next,
      everyOutput,
    });
    const last = finals.slice(0, next.length);
    if (outputs === undefined) return [finals.at(-1) as Tensor, undefined, last];
    const all = tf.concat([tf.expandDims(output, 0), outputs], 0);
    const axes = all.shape.map((_, axis) => axis);
    return [last[0] as Tensor, tf.transpose(all, [1, 0, ...axes.slice(2)]), last];
  };
}

interface Looped {
  /** The last states, and, unless all outputs are given, the last output behind them. */
  finals: Tensor[];
  /** All outputs, time first, if they were requested. */
  outputs: Tensor | undefined;
}

function loop(tf: Tf, trace: TraceScope, step: Step, sequence: Sequence): Looped {
  const forward = new Forward(tf, trace, step, sequence);
  const taping = isTaping(tf);
  const depends = taping ? dependsOnTargets(tf) : () => false;
  const needed = (tensor: Tensor) => tensor.dtype === 'float32' && depends(tensor);
  const elsewhere = taping ? forward.tensorsFromElsewhere().filter(needed) : [];
  if (elsewhere.length > 0 || [sequence.inputs, sequence.output, ...sequence.states].some(needed)) {
    return withGradient(tf, trace, forward, elsewhere, needed(sequence.inputs));
  }
  forward.run();
  const { finals, outputs } = forward.build();
  return {
    finals: finals.map((one) => trace.symbol(one)),
    outputs: outputs === undefined ? undefined : trace.symbol(outputs),
  };
}

function withGradient(
  tf: Tf,
  trace: TraceScope,
  forward: Forward,
  elsewhere: Tensor[],
  inputsToo: boolean,
): Looped {
  const { sequence, carried } = forward;
  if (carried.some(({ dtype }) => dtype !== 'float32')) {
    throw new Untraceable('a state of a recurrent layer is not float32', 'loops');
  }
  const backward = new Backward(trace, forward);
  const gradients = trace.within(forward.graphLoop.region, () => {
    const { input, states } = forward.symbols();
    const xs = [...(inputsToo ? [input] : []), ...states, ...elsewhere];
    const { grads } = gradientsApart(
      tf,
      () => {
        // Behind the tensors comes a function.
        const join = tf.customGrad((...all) => ({
          value: tf.scalar(0),
          // From here on ops belong to the backward pass.
          gradFunc: () => backward.enter(all.length - 2),
        }));
        return join(...forward.run());
      },
      xs,
    );
    return grads.map((one) => (one === undefined ? undefined : trace.outputOf(one)));
  });
  const rest = gradients.slice(inputsToo ? 1 : 0);
  backward.finish({
    input: inputsToo ? (gradients[0] ?? null) : undefined,
    states: rest.slice(0, carried.length),
    elsewhere: elsewhere.map(({ shape }, i) => ({ shape, gradient: rest[carried.length + i] })),
  });
  const { finals, outputs } = forward.build();
  const inputs = Object.fromEntries([
    ...(inputsToo ? [['x', sequence.inputs] as const] : []),
    ...carried.map((state, i) => [`state${i}`, state] as const),
    ...elsewhere.map((tensor, i) => [`from${i}`, tensor] as const),
  ]);
  const results = engineOf(tf).runKernelFunc({
    inputs,
    forwardFunc: () =>
      [...finals, ...(outputs === undefined ? [] : [outputs])].map((one) => trace.symbol(one)),
    backwardsFunc: (dys) => {
      const given = (Array.isArray(dys) ? dys : [dys]).map((dy) => trace.outputOf(dy));
      let built: BackwardResult | undefined;
      // Requested one by one, each within a separate scope.
      const result = (pick: (all: BackwardResult) => GraphOutput) => () => {
        built ??= backward.build(given);
        return trace.symbol(pick(built));
      };
      return Object.fromEntries([
        ...(inputsToo ? [['x', result(({ input }) => input as GraphOutput)] as const] : []),
        ...carried.map((_, i) => [`state${i}`, result(({ states }) => states[i] as GraphOutput)] as const),
        ...elsewhere.map((_, i) => [`from${i}`, result((all) => all.elsewhere[i] as GraphOutput)] as const),
      ]);
    },
  });
  return { finals: results.slice(0, finals.length), outputs: results[finals.length] };
}

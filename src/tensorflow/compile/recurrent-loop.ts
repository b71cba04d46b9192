import type { Tensor } from '@tensorflow/tfjs';
import type { GraphOutput } from '../c-api/functions.ts';
import { tfInternals, type Tf } from '../tfjs/instance.ts';
import { ATTR, TF } from '../c-api/dtypes.ts';
import { activeTrace } from './active-trace.ts';
import { blockLstm, isBlockLstm } from './block-lstm.ts';
import { addOp, GraphLoop, listOf, stackOf, zeros } from './graph-loop.ts';
import {
  dependsOnTargets,
  engineOf,
  gradientsApart,
  isTaping,
  tensorsFromElsewhere,
  watchGradients,
} from './tape.ts';
import type { Trace } from './trace.ts';
import { Untraceable } from './untraceable.ts';

/** One step of a recurrent layer: input, mask and states to output and states. */
type Step = (input: Tensor, mask: Tensor | undefined, states: Tensor[]) => [Tensor, Tensor[]];

/**
 * With fewer steps of time a layer is unrolled: a loop has a graph that is traced 2 to 7 times faster, but each turn of it
 * costs 30 to 60 µs, by which a step of an LSTM of 32 units takes 1.2 to 1.5 times as long on a processor.
 * `TENSORCELL_RECURRENT=loop` or `unrolled` decides otherwise.
 */
function fewestSteps(): number {
  switch (choice()) {
    case 'loop':
      return 2;
    case 'unrolled':
      return Infinity;
    default:
      return 48;
  }
}

function choice(): string | undefined {
  return process.env['TENSORCELL_RECURRENT'];
}

/**
 * Makes tfjs's recurrent layers loops in a graph, where they would be unrolled: the graph of a layer is as large for a
 * thousand steps as for ten.
 *
 * The first step is unrolled; cells make their dropout masks in it. The loop's body is the traced step, and what the way
 * back needs of it is kept in lists; the way back is a loop over the step's own gradient, which tfjs's tape gives.
 */
export function installRecurrentLoops(tf: Tf): void {
  watchGradients(tf);
  tfInternals(tf).recurrent.loop = (step, inputs, states, mask, everyOutput) => {
    const trace = activeTrace();
    if (trace === undefined || !trace.loops || trace.nested || states.length === 0) return undefined;
    // These ops have no second gradient.
    if (engineOf(tf).state.gradientDepth > 1) return undefined;
    const times = inputs.shape[0];
    const part = (sequence: Tensor, from: number, count: number): Tensor =>
      tf.slice(
        sequence,
        [from, ...sequence.shape.slice(1).map(() => 0)],
        [count, ...sequence.shape.slice(1)],
      );
    const { cell } = step as { cell?: object };
    if (choice() === undefined && !mask && inputs.rank === 3 && isBlockLstm(tf, cell)) {
      const [h, c] = states as [Tensor, Tensor];
      const { outputs, cell: carry } = blockLstm(tf, trace, cell, inputs, [h, c]);
      const last = tf.reshape(part(outputs, times - 1, 1), h.shape);
      return [last, everyOutput ? tf.transpose(outputs, [1, 0, 2]) : undefined, [last, carry]];
    }
    if (times < fewestSteps()) return undefined;
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

interface Sequence {
  /** Inputs and mask, time first. */
  inputs: Tensor;
  mask: Tensor | undefined;
  /** Output and states of the step before. */
  output: Tensor;
  states: Tensor[];
  everyOutput: boolean;
}

interface Looped {
  /** The last states, and, unless all outputs are given, the last output behind them. */
  finals: Tensor[];
  /** All outputs, time first, if they were asked for. */
  outputs: Tensor | undefined;
}

function loop(tf: Tf, trace: Trace, step: Step, sequence: Sequence): Looped {
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

/** The loop through time, with the traced step as its body. */
class Forward {
  readonly times: number;
  readonly graphLoop: GraphLoop;
  readonly carried: Tensor[];
  readonly sequence: Sequence;
  readonly inputShape: number[];
  readonly inputType: number;
  /** All inputs, time first. */
  readonly inputs: GraphOutput;
  /** Inputs and mask as lists that the way back reads too. */
  readonly inputList: GraphOutput;
  readonly maskList: GraphOutput | undefined;
  /** This time's values, in the body's graph. */
  readonly input: GraphOutput;
  readonly mask: GraphOutput | undefined;
  readonly states: GraphOutput[];
  /** After `run`: output and new states, in the body's graph. */
  produced: GraphOutput[] = [];
  readonly #tf: Tf;
  readonly #trace: Trace;
  readonly #step: Step;
  readonly #numbers: number[];

  constructor(tf: Tf, trace: Trace, step: Step, sequence: Sequence) {
    this.#tf = tf;
    this.#trace = trace;
    this.#step = step;
    this.sequence = sequence;
    const { inputs, mask, states, output, everyOutput } = sequence;
    this.times = inputs.shape[0];
    // Where only the last output counts it goes round like a state, which the step does not look at.
    this.carried = everyOutput ? states : [...states, output];
    const { graph } = trace;
    const loop = new GraphLoop(trace, trace.region(), this.times, { backwards: false });
    this.graphLoop = loop;
    this.inputShape = inputs.shape.slice(1);
    this.inputs = trace.outputOf(inputs);
    this.inputType = graph.dtype(this.inputs);
    this.inputList = listOf(graph, this.inputs, this.inputShape);
    this.input = loop.item(() => this.inputList, this.inputShape, this.inputType);
    if (mask !== undefined) {
      const all = trace.outputOf(mask);
      const list = listOf(graph, all, mask.shape.slice(1));
      this.maskList = list;
      this.mask = loop.item(() => list, mask.shape.slice(1), graph.dtype(all));
    }
    const going = this.carried.map((tensor) => {
      const initial = trace.outputOf(tensor);
      const state = loop.state(graph.dtype(initial), tensor.shape);
      loop.begin(state.number, initial);
      return state;
    });
    this.states = going.map(({ inside }) => inside);
    this.#numbers = going.map(({ number }) => number);
  }

  /** One step; output and new states. */
  #trial(input: Tensor, mask: Tensor | undefined, states: Tensor[]): Tensor[] {
    const [output, next] = this.#step(input, mask, states.slice(0, this.sequence.states.length));
    return [output, ...next];
  }

  /** Tensors from outside that a step computes with; runs it on the side. */
  tensorsFromElsewhere(): Tensor[] {
    const trace = this.#trace;
    const region = trace.region();
    const symbolLike = (output: GraphOutput) => {
      const { graph } = this.graphLoop.region;
      return trace.symbol(region.graph.placeholder(graph.dtype(output), graph.shape(output)));
    };
    return trace.within(region, () =>
      tensorsFromElsewhere(this.#tf, () => {
        this.#tf.tidy(() => {
          const mask = this.mask === undefined ? undefined : symbolLike(this.mask);
          this.#trial(symbolLike(this.input), mask, this.states.map(symbolLike));
        });
      }),
    );
  }

  /** Traces the step into the body. */
  run(): Tensor[] {
    const trace = this.#trace;
    return trace.within(this.graphLoop.region, () => {
      const symbols = this.symbols();
      const produced = this.#trial(symbols.input, symbols.mask, symbols.states);
      this.produced = produced.map((tensor) => trace.outputOf(tensor));
      return produced;
    });
  }

  /** The body's values as tensors; within its region. */
  symbols(): { input: Tensor; mask: Tensor | undefined; states: Tensor[] } {
    const trace = this.#trace;
    this.#symbols ??= {
      input: trace.symbol(this.input),
      mask: this.mask === undefined ? undefined : trace.symbol(this.mask),
      states: this.states.map((state) => trace.symbol(state)),
    };
    return this.#symbols;
  }
  #symbols: { input: Tensor; mask: Tensor | undefined; states: Tensor[] } | undefined;

  /** Adds the loop to the graph around it. */
  build(): { finals: GraphOutput[]; outputs: GraphOutput | undefined } {
    const { everyOutput, output } = this.sequence;
    const loop = this.graphLoop;
    const [last, ...next] = this.produced as [GraphOutput, ...GraphOutput[]];
    const nexts = everyOutput ? next : [...next, last];
    nexts.forEach((value, i) => {
      loop.next(this.#numbers[i] as number, value);
    });
    const list = everyOutput ? loop.collect(last) : undefined;
    loop.build();
    const { graph } = this.#trace;
    return {
      finals: this.#numbers.map((number) => loop.result(number)),
      outputs:
        list === undefined
          ? undefined
          : stackOf(graph, loop.result(list), this.times, output.shape, loop.region.graph.dtype(last)),
    };
  }
}

function withGradient(
  tf: Tf,
  trace: Trace,
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
          // From here on ops belong to the way back.
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
      // Asked for one by one, each within a scope of its own.
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

interface BackwardResult {
  input: GraphOutput | undefined;
  states: GraphOutput[];
  elsewhere: GraphOutput[];
}

/** Where a value of the way back comes from, if it is one of the way there. */
type Source = 'input' | number;

const key = ({ oper, index }: GraphOutput) => `${oper} ${index}`;

/** The loop back through time, with the traced gradient of a step as its body. */
class Backward {
  readonly #trace: Trace;
  readonly #forward: Forward;
  readonly #loop: GraphLoop;
  readonly #states: { inside: GraphOutput; number: number }[];
  /** Gradients of all outputs, as a list; set when the loop is built. */
  #outputGradients: GraphOutput | undefined;
  readonly #outputGradient: GraphOutput | undefined;
  readonly #sources = new Map<string, Source>();
  readonly #kept = new Map<string, GraphOutput>();
  readonly #collected = new Map<string, number>();
  #input: number | undefined;
  /** For each tensor from elsewhere: how its gradient is made once the loop is there. */
  #elsewhere: (() => GraphOutput)[] = [];

  constructor(trace: Trace, forward: Forward) {
    this.#trace = trace;
    this.#forward = forward;
    const there = forward.graphLoop.region;
    const region = trace.region((id) => {
      const value = there.symbols.get(id);
      return value === undefined ? undefined : this.#keep(value);
    });
    this.#loop = new GraphLoop(trace, region, forward.times, { backwards: true });
    this.#states = forward.carried.map(({ shape }) => this.#loop.state(TF.FLOAT, shape));
    const { everyOutput, output } = forward.sequence;
    if (everyOutput) {
      this.#outputGradient = this.#loop.item(
        () => this.#outputGradients as GraphOutput,
        output.shape,
        TF.FLOAT,
      );
    }
  }

  /** A value of the way there, as the way back sees it: an element of a list. */
  #keep(value: GraphOutput): GraphOutput {
    const known = this.#kept.get(key(value));
    if (known !== undefined) return known;
    const { graphLoop, input, inputList, inputShape, inputType, mask, maskList } = this.#forward;
    const { graph } = graphLoop.region;
    let item: GraphOutput;
    if (key(value) === key(input)) {
      item = this.#loop.item(() => inputList, inputShape, inputType);
      this.#sources.set(key(item), 'input');
    } else {
      const shape = graph.shape(value);
      if (shape === undefined) throw new Untraceable('a shape depends on values', 'loops');
      if (mask !== undefined && maskList !== undefined && key(value) === key(mask)) {
        item = this.#loop.item(() => maskList, shape, graph.dtype(value));
      } else {
        const number = graphLoop.collect(value);
        item = this.#loop.item(() => graphLoop.result(number), shape, graph.dtype(value));
        this.#sources.set(key(item), number);
      }
    }
    this.#kept.set(key(value), item);
    return item;
  }

  /** Lets ops go into the body; gives the gradients of output and states with which the way back begins. */
  enter(states: number): Tensor[] {
    const trace = this.#trace;
    trace.continueIn(this.#loop.region);
    const gradients = this.#states.map(({ inside }) => trace.symbol(inside));
    const output =
      this.#outputGradient === undefined ? (gradients.at(-1) as Tensor) : trace.symbol(this.#outputGradient);
    return [output, ...gradients.slice(0, states)];
  }

  /** Says what the body gives. */
  finish(gradients: {
    /** `null`: the step does not look at its input; undefined: nobody asks. */
    input: GraphOutput | null | undefined;
    states: (GraphOutput | undefined)[];
    elsewhere: { shape: number[]; gradient: GraphOutput | undefined }[];
  }): void {
    const loop = this.#loop;
    const { graph } = loop.region;
    this.#states.forEach(({ number }, i) => {
      const { shape } = this.#forward.carried[i] as Tensor;
      loop.next(number, gradients.states[i] ?? zeros(graph, shape, TF.FLOAT));
    });
    if (gradients.input !== undefined) {
      this.#input = loop.collect(gradients.input ?? zeros(graph, this.#forward.inputShape, TF.FLOAT));
    }
    this.#elsewhere = gradients.elsewhere.map(({ shape, gradient }) => {
      const outer = this.#trace.graph;
      if (gradient === undefined) return () => zeros(outer, shape, TF.FLOAT);
      const outside = this.#summedOutside(gradient);
      if (outside !== undefined) return outside;
      const { inside, number } = loop.state(TF.FLOAT, shape);
      loop.begin(number, zeros(outer, shape, TF.FLOAT));
      loop.next(number, addOp(graph, 'AddV2', [inside, gradient]));
      return () => loop.result(number);
    });
  }

  /**
   * The sum over time of a product of two matrices is one product of larger ones, and that of a bias's gradient one sum:
   * both are left until after the loop.
   */
  #summedOutside(gradient: GraphOutput): (() => GraphOutput) | undefined {
    const { graph } = this.#loop.region;
    const made = graph.made.get(gradient.oper);
    const float = { name: 'T', type: ATTR.TYPE, value: TF.FLOAT };
    if (made?.type === 'BiasAddGrad') {
      const [dy] = made.inputs as [GraphOutput];
      const all = this.#collect(dy);
      return () => addOp(this.#trace.graph, 'BiasAddGrad', [all()], float);
    }
    const flag = (name: string) =>
      made?.attributes.find((attribute) => attribute.name === name)?.value === true;
    if (made?.type !== 'MatMul' || !flag('transpose_a') || flag('transpose_b')) return undefined;
    const [a, b] = made.inputs as [GraphOutput, GraphOutput];
    const source = this.#sources.get(key(a));
    if (source === undefined || graph.dtype(gradient) !== TF.FLOAT) return undefined;
    const left = graph.shape(a) as number[];
    const right = graph.shape(b);
    if (right === undefined) return undefined;
    const all = this.#collect(b);
    const { graphLoop, times, inputs } = this.#forward;
    return () => {
      const outer = this.#trace.graph;
      const flat = (value: GraphOutput, width: number) =>
        addOp(outer, 'Reshape', [value, outer.constant([2], TF.INT32, [-1, width])]);
      const whole =
        source === 'input' ? inputs : stackOf(outer, graphLoop.result(source), times, left, TF.FLOAT);
      return addOp(
        outer,
        'MatMul',
        [flat(whole, left.at(-1) as number), flat(all(), right.at(-1) as number)],
        { name: 'transpose_a', type: ATTR.BOOL, value: true },
        { name: 'transpose_b', type: ATTR.BOOL, value: false },
      );
    };
  }

  /** A value of every time; gives them stacked once the loop is there. */
  #collect(value: GraphOutput): () => GraphOutput {
    const loop = this.#loop;
    const { graph } = loop.region;
    let number = this.#collected.get(key(value));
    if (number === undefined) {
      number = loop.collect(value);
      this.#collected.set(key(value), number);
    }
    const at = number;
    const shape = graph.shape(value) ?? [];
    return () => stackOf(this.#trace.graph, loop.result(at), this.#forward.times, shape, graph.dtype(value));
  }

  /** Adds the loop to the graph around it. @param dys gradients of the last states, and of all outputs. */
  build(dys: GraphOutput[]): BackwardResult {
    const trace = this.#trace;
    if (trace.nested) throw new Untraceable('a gradient of a recurrent layer within a loop', 'loops');
    const loop = this.#loop;
    const { inputShape, inputType, times, sequence } = this.#forward;
    this.#states.forEach(({ number }, i) => {
      loop.begin(number, dys[i] as GraphOutput);
    });
    if (sequence.everyOutput) {
      const all = dys[this.#states.length] as GraphOutput;
      this.#outputGradients = listOf(trace.graph, all, sequence.output.shape);
    }
    loop.build();
    return {
      input:
        this.#input === undefined
          ? undefined
          : stackOf(trace.graph, loop.result(this.#input), times, inputShape, inputType),
      states: this.#states.map(({ number }) => loop.result(number)),
      elsewhere: this.#elsewhere.map((make) => make()),
    };
  }
}

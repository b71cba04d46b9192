import type { Tensor } from '@tensorflow/tfjs';
import type { GraphOutput } from '../../engines/ops.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { GraphLoop, listOf, stackOf } from './graph-loop.ts';
import { tensorsFromElsewhere } from '../tracing/tape.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';

/** One step of a recurrent layer: input, mask and states to output and states. */
export type Step = (input: Tensor, mask: Tensor | undefined, states: Tensor[]) => [Tensor, Tensor[]];

export interface Sequence {
  /** Inputs and mask, time first. */
  inputs: Tensor;
  mask: Tensor | undefined;
  /** Output and states of the step before. */
  output: Tensor;
  states: Tensor[];
  everyOutput: boolean;
}

/** The loop through time, with the traced step as its body. */
export class Forward {
  readonly times: number;
  readonly graphLoop: GraphLoop;
  readonly carried: Tensor[];
  readonly sequence: Sequence;
  readonly inputShape: number[];
  readonly inputType: number;
  /** All inputs, time first. */
  readonly inputs: GraphOutput;
  /** Inputs and mask as lists that the backward pass reads too. */
  readonly inputList: GraphOutput;
  readonly maskList: GraphOutput | undefined;
  /** This time's values, in the body's graph. */
  readonly input: GraphOutput;
  readonly mask: GraphOutput | undefined;
  readonly states: GraphOutput[];
  /** After `run`: output and new states, in the body's graph. */
  produced: GraphOutput[] = [];
  readonly #tf: Tf;
  readonly #trace: TraceScope;
  readonly #step: Step;
  readonly #numbers: number[];

  constructor(tf: Tf, trace: TraceScope, step: Step, sequence: Sequence) {
    this.#tf = tf;
    this.#trace = trace;
    this.#step = step;
    this.sequence = sequence;
    const { inputs, mask, states, output, everyOutput } = sequence;
    this.times = inputs.shape[0];
    // Where only the last output counts it passes from round to round like a state, which the step does not read.
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

import type { Tensor } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import { addOp, GraphLoop, listOf, stackOf, zeros } from './graph-loop.ts';
import type { Forward } from './recurrent-forward.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';
import { Untraceable } from '../../engines/untraceable.ts';

export interface BackwardResult {
  input: GraphOutput | undefined;
  states: GraphOutput[];
  elsewhere: GraphOutput[];
}

/** Where a value of the backward pass comes from, if it is one of the forward pass. */
type Source = 'input' | number;

const key = ({ oper, index }: GraphOutput) => `${oper} ${index}`;

/** The loop back through time, with the traced gradient of a step as its body. */
export class Backward {
  readonly #trace: TraceScope;
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

  constructor(trace: TraceScope, forward: Forward) {
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

  /** A value of the forward pass, as the backward pass sees it: an element of a list. */
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

  /** Lets ops go into the body; gives the gradients of output and states with which the backward pass begins. */
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
    /** `null`: the step does not read its input; undefined: the gradient is not needed. */
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

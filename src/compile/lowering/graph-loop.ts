import type { OpAttribute } from '../../engines/ops.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import { FUNCTION } from '../../engines/ops.ts';
import type { GraphBuilder } from '../../engines/engine.ts';
import { EngineSession } from '../state/engine-session.ts';
import type { Region } from '../tracing/regions.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';

const type = (name: string, value: number | number[]): OpAttribute => ({ name, type: ATTR.TYPE, value });

/** Adds an op with one output. */
export function addOp(
  graph: GraphBuilder,
  name: string,
  inputs: readonly GraphOutput[],
  ...attributes: OpAttribute[]
): GraphOutput {
  return { oper: graph.operation(name, inputs, attributes), index: 0 };
}

function shapeTensor(graph: GraphBuilder, shape: readonly number[]): GraphOutput {
  return graph.constant([shape.length], TF.INT32, shape);
}

/** A tensor cut along its first axis into a list that a loop can read. */
export function listOf(graph: GraphBuilder, tensor: GraphOutput, element: readonly number[]): GraphOutput {
  return addOp(graph, 'TensorListFromTensor', [tensor, shapeTensor(graph, element)]);
}

/** A list's elements, stacked along a new first axis. */
export function stackOf(
  graph: GraphBuilder,
  list: GraphOutput,
  count: number,
  element: readonly number[],
  dtype: number,
): GraphOutput {
  const stacked = addOp(
    graph,
    'TensorListStack',
    [list, shapeTensor(graph, element)],
    type('element_dtype', dtype),
    {
      name: 'num_elements',
      type: ATTR.INT,
      value: count,
    },
  );
  graph.setShape(stacked, [count, ...element]);
  return stacked;
}

/** A tensor of zeros. */
export function zeros(graph: GraphBuilder, shape: readonly number[], dtype: number): GraphOutput {
  const filled = addOp(graph, 'Fill', [shapeTensor(graph, shape), graph.constant([], dtype, [0])]);
  graph.setShape(filled, shape);
  return filled;
}

interface Round {
  initial: GraphOutput | undefined;
  shape: readonly number[] | undefined;
  inside: GraphOutput;
  next: GraphOutput | undefined;
}

/**
 * A loop that runs a given number of times inside the graph that a trace fills. Its body is a region of the trace; this
 * adds the values that pass from round to round: a counter, states, lists that the body reads from or writes to, and captures.
 */
export class GraphLoop {
  readonly region: Region;
  readonly #trace: TraceScope;
  readonly #outer: GraphBuilder;
  readonly #times: number;
  readonly #backwards: boolean;
  readonly #counter: GraphOutput;
  readonly #rounds: Round[] = [];
  readonly #lists: { outside: () => GraphOutput; inside: GraphOutput }[] = [];
  #results: GraphOutput[] = [];

  /** @param options `backwards`: the counter runs from the last time to 0. */
  constructor(trace: TraceScope, region: Region, times: number, options: { backwards: boolean }) {
    this.#trace = trace;
    this.#outer = trace.graph;
    this.region = region;
    this.#times = times;
    this.#backwards = options.backwards;
    this.#counter = region.graph.placeholder(TF.INT32, []);
  }

  /** A value that passes from round to round; gives it as the body sees it, and its number for `begin`, `next` and `result`. */
  state(dtype: number, shape: readonly number[]): { inside: GraphOutput; number: number } {
    const inside = this.region.graph.placeholder(dtype, shape);
    return { inside, number: this.#rounds.push({ initial: undefined, shape, inside, next: undefined }) - 1 };
  }

  /** Says what a state is before the first step. */
  begin(number: number, value: GraphOutput): void {
    (this.#rounds[number] as Round).initial = value;
  }

  /** Says what a state is after a step. */
  next(number: number, value: GraphOutput): void {
    (this.#rounds[number] as Round).next = value;
  }

  /** This round's element of a list; the list is read when the loop is built. */
  item(list: () => GraphOutput, shape: readonly number[], dtype: number): GraphOutput {
    const { graph } = this.region;
    const fixed = { outside: list, inside: graph.placeholder(TF.VARIANT, []) };
    this.#lists.push(fixed);
    const item = addOp(
      graph,
      'TensorListGetItem',
      [fixed.inside, this.#counter, shapeTensor(graph, shape)],
      type('element_dtype', dtype),
    );
    graph.setShape(item, shape);
    return item;
  }

  /** Collects a value of each time in a list; gives the list's number for `result`. */
  collect(value: GraphOutput): number {
    const { graph } = this.region;
    const dtype = graph.dtype(value);
    const shape = graph.shape(value) ?? [];
    const outer = this.#outer;
    const list = addOp(
      outer,
      'TensorListReserve',
      [shapeTensor(outer, shape), outer.constant([], TF.INT32, [this.#times])],
      type('element_dtype', dtype),
    );
    const inside = graph.placeholder(TF.VARIANT, []);
    const next = addOp(graph, 'TensorListSetItem', [inside, this.#counter, value]);
    return this.#rounds.push({ initial: list, shape: undefined, inside, next }) - 1;
  }

  /** Adds the loop to the graph around it. */
  build(): void {
    const { graph, captures } = this.region;
    const outer = this.#outer;
    const name = EngineSession.of(this.#trace.backend.engine).functionName('recurrence');
    const fixed = [
      ...this.#lists.map(({ outside, inside: list }) => ({ outside: outside(), inside: list })),
      ...captures,
    ];
    const one = graph.constant([], TF.INT32, [1]);
    const inside = [
      this.#counter,
      ...this.#rounds.map((round) => round.inside),
      ...fixed.map((one_) => one_.inside),
    ];
    const next = [
      addOp(graph, this.#backwards ? 'Sub' : 'AddV2', [this.#counter, one]),
      ...this.#rounds.map((round) => addOp(graph, 'Identity', [round.next ?? round.inside])),
      ...fixed.map((value) => addOp(graph, 'Identity', [value.inside])),
    ];
    const types = inside.map((value) => graph.dtype(value));
    this.#trace.addFunction(`${name}_body`, graph.toFunction(`${name}_body`, inside, next));
    this.#trace.addFunction(`${name}_condition`, this.#condition(`${name}_condition`, types));
    const start = outer.constant([], TF.INT32, [this.#backwards ? this.#times - 1 : 0]);
    const loop = outer.operation(
      'StatelessWhile',
      [
        start,
        ...this.#rounds.map(({ initial }) => initial as GraphOutput),
        ...fixed.map(({ outside }) => outside),
      ],
      [
        type('T', types),
        { name: 'cond', type: FUNCTION, value: `${name}_condition` },
        { name: 'body', type: FUNCTION, value: `${name}_body` },
        { name: '_lower_using_switch_merge', type: ATTR.BOOL, value: true },
      ],
    );
    this.#results = this.#rounds.map(({ shape }, i) => {
      const result = { oper: loop, index: 1 + i };
      if (shape !== undefined) outer.setShape(result, shape);
      return result;
    });
  }

  #condition(name: string, types: readonly number[]): number {
    const graph = this.#trace.backend.engine.newGraph();
    try {
      const inputs = types.map((dtype, i) => graph.placeholder(dtype, i === 0 ? [] : undefined));
      const limit = graph.constant([], TF.INT32, [this.#backwards ? 0 : this.#times]);
      const goes = addOp(graph, this.#backwards ? 'GreaterEqual' : 'Less', [inputs[0] as GraphOutput, limit]);
      return graph.toFunction(name, inputs, [goes]);
    } finally {
      graph.dispose();
    }
  }

  /** After `build`: a state at the end, or a list. */
  result(number: number): GraphOutput {
    return this.#results[number] as GraphOutput;
  }
}

import type { Tensor } from '@tensorflow/tfjs';
import type { OpAttribute } from '../../engines/ops.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput, Handle } from '../../engines/ops.ts';
import { EngineSession } from '../state/engine-session.ts';
import type { ConcreteFunction } from './concrete-function.ts';
import { FUNCTION, XLA_COMPILES } from '../../engines/ops.ts';
import type { GraphBuilder } from '../../engines/engine.ts';

/** The kind of data and outputs that a loop is made for. */
export interface LoopShape {
  /** Samples in a batch. */
  batch: number;
  /** Batches are taken in the order of a tensor of indices; else one after the other. */
  shuffled: boolean;
  /** Each call may bring another number of samples. Not for shuffled ones. */
  open?: boolean;
  /** How many of the step's outputs are looked at; scalars of float32. */
  outputs: number;
  /** XLA compiles a loop of some steps: what looks at the flag is a loop over calls of that one. */
  xla?: boolean;
}

/** Names of a loop's functions. */
export interface LoopNames {
  body: string;
  condition: string;
  whole: string;
}

/** The kind of a loop, as a key. */
export function loopKey(data: readonly Tensor[], shape: LoopShape): string {
  const tensors = data
    .map(({ dtype, shape: size }) => `${dtype}[${samplesOf(shape, size).join()}]`)
    .join(';');
  return `${shape.batch} ${String(shape.shuffled)} ${shape.outputs} ${tensors}`;
}

/** The shape of a call's data: -1 samples are any number. */
function samplesOf({ open }: LoopShape, size: readonly number[]): readonly number[] {
  return open === true ? [-1, ...size.slice(1)] : size;
}

const type = (name: string, value: number | number[]): OpAttribute => ({ name, type: ATTR.TYPE, value });

/** The functions of a loop over a step: its condition, its body, and the loop itself; twice where XLA compiles an inner one. */
export class LoopFunctions {
  readonly names: LoopNames;
  /** The loop of some steps, if XLA compiles one. */
  readonly inner: LoopNames | undefined;
  readonly #step: ConcreteFunction;
  readonly #data: readonly Tensor[];
  readonly #shape: LoopShape;

  constructor(step: ConcreteFunction, data: readonly Tensor[], shape: LoopShape) {
    this.#step = step;
    this.#data = data;
    this.#shape = shape;
    const name = EngineSession.of(step.backend.engine).functionName('loop');
    const namesOf = (whole: string) => ({ body: `${whole}_body`, condition: `${whole}_condition`, whole });
    this.names = namesOf(name);
    // XLA compiles for shapes: where the number of samples is not known it gets single steps.
    this.inner = shape.xla === true && shape.open !== true ? namesOf(`${name}_inner`) : undefined;
  }

  /** TF_DataTypes of what the inner loop gives. */
  get innerTypes(): number[] {
    const each = (dtype: number) => Array.from({ length: this.#shape.outputs }, () => dtype);
    return [TF.INT32, ...each(TF.DOUBLE), ...each(TF.FLOAT)];
  }

  /** Makes the functions callable. */
  add(): void {
    const { engine } = this.#step.backend;
    const functions: Handle[] = [];
    try {
      if (this.inner === undefined) {
        functions.push(this.#body(this.names), this.#condition(this.names));
      } else {
        functions.push(this.#body(this.inner), this.#condition(this.inner));
        functions.push(this.#whole(this.inner, functions));
        functions.push(this.#calling(functions), this.#condition(this.names));
      }
      functions.push(this.#whole(this.names, functions));
      for (const one of functions) {
        engine.addFunction({ name: this.names.whole, pointer: one });
      }
    } finally {
      for (const one of functions) engine.freeFunction(one);
    }
  }

  /**
   * The loop's variables: a counter, sums and last values, and then all that stays the same. The sums are float64: measured
   * times decide how many steps a call has, and in float32 the sum of an epoch would depend on that.
   */
  #variables(graph: GraphBuilder, names: LoopNames) {
    const scalars = (dtype: number) =>
      Array.from({ length: this.#shape.outputs }, () => graph.placeholder(dtype, []));
    const counter = graph.placeholder(TF.INT32, []);
    const sums = scalars(TF.DOUBLE);
    const last = scalars(TF.FLOAT);
    return { counter, sums, last, ...this.#fixed(graph, names) };
  }

  /**
   * The arguments of a loop. The inner one has no flag: XLA reads a resource once, when it begins. The outer one
   * around it knows how many steps a call of it does.
   */
  #fixed(graph: GraphBuilder, names: LoopNames) {
    const { tensorMap } = this.#step.backend;
    const count = graph.placeholder(TF.INT32, []);
    const flag = names === this.inner ? [] : [graph.placeholder(TF.RESOURCE, undefined)];
    const size = names === this.names && this.inner !== undefined ? [graph.placeholder(TF.INT32, [])] : [];
    const first = graph.placeholder(TF.INT32, []);
    const samples = (this.#data[0] as Tensor).shape[0];
    const order = this.#shape.shuffled ? [graph.placeholder(TF.INT32, [samples])] : [];
    const whole = this.#data.map((tensor) =>
      graph.placeholder(tensorMap.get(tensor.dataId).dtype, samplesOf(this.#shape, tensor.shape)),
    );
    const others = this.#step.inputs
      .filter((input) => input.kind !== 'argument')
      .map((input) =>
        input.kind === 'resource'
          ? graph.placeholder(TF.RESOURCE, undefined)
          : graph.placeholder(input.dtype, input.kind === 'number' ? [] : input.shape),
      );
    const fixed = [count, ...flag, ...size, first, ...order, ...whole, ...others];
    return { count, flag, size, first, order, whole, others, fixed };
  }

  #condition(names: LoopNames): Handle {
    const graph = this.#step.backend.engine.newGraph();
    try {
      const { counter, sums, last, count, flag, fixed } = this.#variables(graph, names);
      const op = operations(graph);
      const goes = flag.reduce(
        (less, one) =>
          op('LogicalAnd', [less, op('LogicalNot', [op('ReadVariableOp', [one], type('dtype', TF.BOOL))])]),
        op('Less', [counter, count]),
      );
      return graph.toFunction(names.condition, [counter, ...sums, ...last, ...fixed], [goes]);
    } finally {
      graph.dispose();
    }
  }

  /** One this.#step. */
  #body(names: LoopNames): Handle {
    const graph = this.#step.backend.engine.newGraph();
    try {
      graph.addFunction(this.#step.function);
      const variables = this.#variables(graph, names);
      const { counter, sums, last, first, order, whole, others, fixed } = variables;
      const op = operations(graph);
      const { batch } = this.#shape;
      const integer = (value: number) => graph.constant([], TF.INT32, [value]);
      const list = (values: number[]) => graph.constant([values.length], TF.INT32, values);
      const start = op('Mul', [op('AddV2', [first, counter]), integer(batch)]);
      const at = op('Pack', [start], { name: 'N', type: ATTR.INT, value: 1 });
      const slice = (tensor: GraphOutput, size: readonly number[]) => {
        const rest = size.slice(1).map(() => 0);
        const begin =
          rest.length === 0
            ? at
            : op('ConcatV2', [at, list(rest), integer(0)], { name: 'N', type: ATTR.INT, value: 2 });
        const length = [batch, ...size.slice(1)];
        if (names !== this.inner) return op('Slice', [tensor, begin, list(length)]);
        // XLA would compile a Slice anew for each place where it begins.
        const cut = op('XlaDynamicSlice', [tensor, begin, list(length)]);
        graph.setShape(cut, length);
        return cut;
      };
      const [all] = order;
      const indices = all === undefined ? undefined : slice(all, [0]);
      const batches = whole.map((tensor, i) => {
        const { shape } = this.#data[i] as Tensor;
        const cut =
          indices === undefined
            ? slice(tensor, shape)
            : op('GatherV2', [tensor, indices, integer(0)], {
                name: 'batch_dims',
                type: ATTR.INT,
                value: 0,
              });
        graph.setShape(cut, [batch, ...shape.slice(1)]);
        return cut;
      });
      let other = 0;
      const inputs = this.#step.inputs.map((input) => {
        if (input.kind === 'argument') return batches[input.index] as GraphOutput;
        const given = others[other++] as GraphOutput;
        if (input.kind !== 'number' || input.random !== true) return given;
        // As many numbers of the stream as the steps before have drawn.
        const steps = op('Cast', [counter], type('SrcT', TF.INT32), type('DstT', TF.INT64));
        return op('AddV2', [given, op('Mul', [steps, graph.constant([], TF.INT64, [this.#step.randomOps])])]);
      });
      const outputTypes = this.#step.outputTypes;
      const call = graph.operation('StatefulPartitionedCall', inputs, [
        type(
          'Tin',
          inputs.map((input) => graph.dtype(input)),
        ),
        type('Tout', [...outputTypes]),
        { name: 'f', type: FUNCTION, value: this.#step.name },
        ...(this.#shape.xla === true && this.inner === undefined
          ? [{ name: XLA_COMPILES, type: ATTR.BOOL, value: true }]
          : []),
      ]);
      const values = sums.map((_, index) => ({ oper: call, index }));
      const next = [
        // The counter goes on when the step is whole: its updates hang before its outputs.
        { oper: graph.operation('AddV2', [counter, integer(1)], [], [call]), index: 0 },
        ...sums.map((sum, i) =>
          op('AddV2', [
            sum,
            op('Cast', [values[i] as GraphOutput], type('SrcT', TF.FLOAT), type('DstT', TF.DOUBLE)),
          ]),
        ),
        ...values.map((value) => op('Identity', [value])),
      ];
      return graph.toFunction(
        names.body,
        [counter, ...sums, ...last, ...fixed],
        [...next, ...fixed.map((value) => op('Identity', [value]))],
      );
    } finally {
      graph.dispose();
    }
  }

  /** One call of the inner loop. */
  #calling(functions: readonly Handle[]): Handle {
    const graph = this.#step.backend.engine.newGraph();
    try {
      for (const made of [...functions, this.#step.function]) graph.addFunction(made);
      const variables = this.#variables(graph, this.names);
      const { counter, sums, last, count, size, first, order, whole, others, fixed } = variables;
      const op = operations(graph);
      const end = op('Minimum', [count, op('AddV2', [counter, size[0] as GraphOutput])]);
      const inputs = [counter, end, first, ...order, ...whole, ...others];
      const call = graph.operation('StatefulPartitionedCall', inputs, [
        type(
          'Tin',
          inputs.map((input) => graph.dtype(input)),
        ),
        type('Tout', this.innerTypes),
        { name: 'f', type: FUNCTION, value: (this.inner as LoopNames).whole },
        { name: XLA_COMPILES, type: ATTR.BOOL, value: true },
      ]);
      const [next, ...values] = this.innerTypes.map((_, index) => ({ oper: call, index })) as [
        GraphOutput,
        ...GraphOutput[],
      ];
      const identity = (value: GraphOutput) => op('Identity', [value]);
      return graph.toFunction(
        this.names.body,
        [counter, ...sums, ...last, ...fixed],
        [
          identity(next),
          ...sums.map((sum, i) => op('AddV2', [sum, values[i] as GraphOutput])),
          ...values.slice(sums.length).map(identity),
          ...fixed.map(identity),
        ],
      );
    } finally {
      graph.dispose();
    }
  }

  /** The whole loop. */
  #whole(names: LoopNames, functions: readonly Handle[]): Handle {
    const graph = this.#step.backend.engine.newGraph();
    try {
      for (const made of [...functions, this.#step.function]) graph.addFunction(made);
      const inner = names === this.inner;
      // The inner loop counts on from where the last one ended.
      const begin = inner ? graph.placeholder(TF.INT32, []) : graph.constant([], TF.INT32, [0]);
      const { fixed } = this.#fixed(graph, names);
      const zeros = (dtype: number) => {
        const zero = graph.constant([], dtype, [0]);
        return Array.from({ length: this.#shape.outputs }, () => zero);
      };
      const scalars = [...zeros(TF.DOUBLE), ...zeros(TF.FLOAT)];
      const inputs = [begin, ...scalars, ...fixed];
      const loop = graph.operation('While', inputs, [
        type(
          'T',
          inputs.map((input) => graph.dtype(input)),
        ),
        { name: 'cond', type: FUNCTION, value: names.condition },
        { name: 'body', type: FUNCTION, value: names.body },
        // One step after the other: the next one reads what this one updates.
        { name: 'parallel_iterations', type: ATTR.INT, value: 1 },
        // XLA has other loops.
        { name: '_lower_using_switch_merge', type: ATTR.BOOL, value: !inner },
      ]);
      const results = Array.from({ length: 1 + scalars.length }, (_, index) => ({ oper: loop, index }));
      return graph.toFunction(names.whole, inner ? [begin, ...fixed] : fixed, results);
    } finally {
      graph.dispose();
    }
  }
}

function operations(graph: GraphBuilder) {
  return (name: string, inputs: readonly GraphOutput[], ...attributes: OpAttribute[]): GraphOutput => ({
    oper: graph.operation(name, inputs, attributes),
    index: 0,
  });
}

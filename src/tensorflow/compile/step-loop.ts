import type { Tensor } from '@tensorflow/tfjs';
import type { OpAttribute } from '../attributes.ts';
import type { Binding } from '../binding.ts';
import { ATTR, TF } from '../c-api/dtypes.ts';
import type { GraphOutput, Pointer } from '../c-api/functions.ts';
import { cText, Status } from '../c-api/library.ts';
import { handleValues, newHandle } from '../c-api/tensor.ts';
import type { NodeBackend } from '../tfjs/instance.ts';
import type { CompiledStep } from './compiled-step.ts';
import { FUNCTION } from './graph-attributes.ts';
import { Graph } from './graph.ts';
import { NativeCall } from './native-call.ts';
import { enterLoop, leaveLoop, type RunningLoop } from './running-loop.ts';
import { VariableResource } from './variable-resources.ts';
import { XLA_COMPILES } from './xla-setting.ts';

/** What the steps of one call gave. */
export interface LoopResult {
  /** How many steps were done: fewer than asked for when the loop was told to stop. */
  steps: number;
  /** For each output of the step, the sum over the steps. */
  sums: number[];
  /** For each output, the value of the last step. */
  last: number[];
}

/** What a loop is made for. */
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
interface LoopNames {
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

let names = 0;

/**
 * Several training steps in one call: a loop inside a graph, whose body cuts a batch out of the whole data and calls the
 * compiled step. The loop looks at a flag before each step, so that it can be told to end from outside; TensorFlow's own
 * cancellation could end it in the middle of a step.
 */
export class StepLoop {
  /** Milliseconds of a step, measured; undefined before the second call. */
  stepTime: number | undefined;
  readonly #backend: NodeBackend;
  readonly #names: LoopNames;
  /** The loop of some steps, if XLA compiles one. */
  readonly #inner: LoopNames | undefined;
  readonly #shape: LoopShape;
  readonly #flag: VariableResource;
  readonly #numbers: { run: Pointer; stop: Pointer };
  #calls = 0;
  #running: RunningLoop | undefined;

  constructor(step: CompiledStep, data: readonly Tensor[], shape: LoopShape) {
    const { backend } = step;
    const { binding } = backend;
    const { api, pointer } = binding.context;
    this.#backend = backend;
    this.#shape = shape;
    const name = `tensorcell_loop_${names++}`;
    const namesOf = (whole: string) => ({ body: `${whole}_body`, condition: `${whole}_condition`, whole });
    this.#names = namesOf(name);
    // XLA compiles for shapes: where the number of samples is not known it gets single steps.
    this.#inner = shape.xla === true && shape.open !== true ? namesOf(`${name}_inner`) : undefined;
    const functions: Pointer[] = [];
    try {
      if (this.#inner === undefined) {
        functions.push(this.#body(step, data, this.#names), this.#condition(step, data, this.#names));
      } else {
        functions.push(this.#body(step, data, this.#inner), this.#condition(step, data, this.#inner));
        functions.push(this.#whole(step, data, this.#inner, functions));
        functions.push(this.#calling(step, data, functions), this.#condition(step, data, this.#names));
      }
      functions.push(this.#whole(step, data, this.#names, functions));
      for (const made of functions) {
        api.TFE_ContextAddFunction(pointer, made, binding.status.pointer);
        binding.status.check(name);
      }
    } finally {
      for (const made of functions) api.TF_DeleteFunction(made);
    }
    this.#numbers = {
      run: newHandle(api, binding.status, [], TF.BOOL, [false]),
      stop: newHandle(api, binding.status, [], TF.BOOL, [true]),
    };
    // The flag is looked at by the loop itself, which the processor runs.
    this.#flag = onProcessor(binding, () => {
      const flag = new VariableResource(binding, TF.BOOL, []);
      flag.open();
      return flag;
    });
  }

  /** Tensors that go round: a counter, sums and last values, and then all that stays the same. */
  #variables(graph: Graph, step: CompiledStep, data: readonly Tensor[], names: LoopNames) {
    const scalars = () => Array.from({ length: this.#shape.outputs }, () => graph.placeholder(TF.FLOAT, []));
    const counter = graph.placeholder(TF.INT32, []);
    const sums = scalars();
    const last = scalars();
    return { counter, sums, last, ...this.#fixed(graph, step, data, names) };
  }

  /**
   * What a loop is called with. The inner one has no flag: XLA reads a resource once, when it begins. The outer one
   * around it knows how many steps a call of it does.
   */
  #fixed(graph: Graph, step: CompiledStep, data: readonly Tensor[], names: LoopNames) {
    const { tensorMap } = this.#backend;
    const count = graph.placeholder(TF.INT32, []);
    const flag = names === this.#inner ? [] : [graph.placeholder(TF.RESOURCE, undefined)];
    const size = names === this.#names && this.#inner !== undefined ? [graph.placeholder(TF.INT32, [])] : [];
    const first = graph.placeholder(TF.INT32, []);
    const samples = (data[0] as Tensor).shape[0];
    const order = this.#shape.shuffled ? [graph.placeholder(TF.INT32, [samples])] : [];
    const whole = data.map((tensor) =>
      graph.placeholder(tensorMap.get(tensor.dataId).dtype, samplesOf(this.#shape, tensor.shape)),
    );
    const others = step.inputs
      .filter((input) => input.kind !== 'argument')
      .map((input) =>
        input.kind === 'resource'
          ? graph.placeholder(TF.RESOURCE, undefined)
          : graph.placeholder(input.dtype, input.kind === 'number' ? [] : input.shape),
      );
    const fixed = [count, ...flag, ...size, first, ...order, ...whole, ...others];
    return { count, flag, size, first, order, whole, others, fixed };
  }

  #condition(step: CompiledStep, data: readonly Tensor[], names: LoopNames): Pointer {
    const graph = new Graph(this.#backend.binding.context.api);
    try {
      const { counter, sums, last, count, flag, fixed } = this.#variables(graph, step, data, names);
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

  /** One step. */
  #body(step: CompiledStep, data: readonly Tensor[], names: LoopNames): Pointer {
    const graph = new Graph(this.#backend.binding.context.api);
    try {
      graph.addFunction(step.function);
      const variables = this.#variables(graph, step, data, names);
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
        if (names !== this.#inner) return op('Slice', [tensor, begin, list(length)]);
        // XLA would compile a Slice anew for each place where it begins.
        const cut = op('XlaDynamicSlice', [tensor, begin, list(length)]);
        graph.setShape(cut, length);
        return cut;
      };
      const [all] = order;
      const indices = all === undefined ? undefined : slice(all, [0]);
      const batches = whole.map((tensor, i) => {
        const { shape } = data[i] as Tensor;
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
      const inputs = step.inputs.map((input) => {
        if (input.kind === 'argument') return batches[input.index] as GraphOutput;
        const given = others[other++] as GraphOutput;
        if (input.kind !== 'number' || input.random !== true) return given;
        // As many numbers of the stream as the steps before have drawn.
        const steps = op('Cast', [counter], type('SrcT', TF.INT32), type('DstT', TF.INT64));
        return op('AddV2', [given, op('Mul', [steps, graph.constant([], TF.INT64, [step.randomOps])])]);
      });
      const outputTypes = step.outputTypes;
      const call = graph.operation('StatefulPartitionedCall', inputs, [
        type(
          'Tin',
          inputs.map((input) => graph.dtype(input)),
        ),
        type('Tout', [...outputTypes]),
        { name: 'f', type: FUNCTION, value: step.name },
        ...(this.#shape.xla === true && this.#inner === undefined
          ? [{ name: XLA_COMPILES, type: ATTR.BOOL, value: true }]
          : []),
      ]);
      const values = sums.map((_, index) => ({ oper: call, index }));
      const next = [
        // The counter goes on when the step is whole: its updates hang before its outputs.
        { oper: graph.operation('AddV2', [counter, integer(1)], [], [call]), index: 0 },
        ...sums.map((sum, i) => op('AddV2', [sum, values[i] as GraphOutput])),
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
  #calling(step: CompiledStep, data: readonly Tensor[], functions: readonly Pointer[]): Pointer {
    const graph = new Graph(this.#backend.binding.context.api);
    try {
      for (const made of [...functions, step.function]) graph.addFunction(made);
      const variables = this.#variables(graph, step, data, this.#names);
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
        { name: 'f', type: FUNCTION, value: (this.#inner as LoopNames).whole },
        { name: XLA_COMPILES, type: ATTR.BOOL, value: true },
      ]);
      const [next, ...values] = this.innerTypes.map((_, index) => ({ oper: call, index })) as [
        GraphOutput,
        ...GraphOutput[],
      ];
      const identity = (value: GraphOutput) => op('Identity', [value]);
      return graph.toFunction(
        this.#names.body,
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

  /** How often it was called. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether it takes batches in the order of indices. */
  get shuffled(): boolean {
    return this.#shape.shuffled;
  }

  /** TF_DataTypes of what the inner loop gives. */
  get innerTypes(): number[] {
    return [TF.INT32, ...Array.from({ length: 2 * this.#shape.outputs }, () => TF.FLOAT)];
  }

  /** The loop that XLA compiles; undefined where it compiles single steps. */
  get innerName(): string | undefined {
    return this.#inner?.whole;
  }

  #whole(
    step: CompiledStep,
    data: readonly Tensor[],
    names: LoopNames,
    functions: readonly Pointer[],
  ): Pointer {
    const graph = new Graph(this.#backend.binding.context.api);
    try {
      for (const made of [...functions, step.function]) graph.addFunction(made);
      const inner = names === this.#inner;
      // The inner loop counts on from where the last one ended.
      const begin = inner ? graph.placeholder(TF.INT32, []) : graph.constant([], TF.INT32, [0]);
      const { fixed } = this.#fixed(graph, step, data, names);
      const zero = graph.constant([], TF.FLOAT, [0]);
      const scalars = Array.from({ length: 2 * this.#shape.outputs }, () => zero);
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
        // XLA has loops of its own.
        { name: '_lower_using_switch_merge', type: ATTR.BOOL, value: !inner },
      ]);
      const results = Array.from({ length: 1 + scalars.length }, (_, index) => ({ oper: loop, index }));
      return graph.toFunction(names.whole, inner ? [begin, ...fixed] : fixed, results);
    } finally {
      graph.dispose();
    }
  }

  /** Ends the loop after its running step. */
  stop(): void {
    this.#running?.stop();
  }

  /**
   * Runs `count` steps, beginning with batch `first`. Short calls run on this thread, all others on another one.
   *
   * @param order indices of the samples, int32, where the loop was made for that.
   * @throws TensorflowError when a step fails; the steps before it are done then.
   */
  async run(
    step: CompiledStep,
    data: readonly Tensor[],
    order: Tensor | undefined,
    first: number,
    count: number,
  ): Promise<LoopResult> {
    const { binding } = this.#backend;
    const { api } = binding.context;
    const of = (tensors: readonly Tensor[]) =>
      this.#backend.getInputTensorIds(tensors).map((id) => binding.handle(id));
    const own = step.handles(() => 0).filter((handle) => handle !== 0);
    onProcessor(binding, () => this.#flag.assign(this.#numbers.run));
    const size = Math.max(1, Math.floor(INNER_MS / (this.stepTime ?? INNER_MS)));
    const made = [count, first, size].map((value) => newHandle(api, binding.status, [], TF.INT32, [value]));
    const outputs = 1 + 2 * this.#shape.outputs;
    let call: NativeCall;
    try {
      call = new NativeCall(
        binding,
        this.#names.whole,
        step.config,
        [
          made[0] as Pointer,
          this.#flag.handle,
          ...(this.#inner === undefined ? [] : [made[2] as Pointer]),
          made[1] as Pointer,
          ...of(order === undefined ? [] : [order]),
          ...of(data),
          ...own,
        ],
        outputs,
      );
    } finally {
      for (const handle of made) api.TFE_DeleteTensorHandle(handle);
    }
    const began = performance.now();
    const short = this.stepTime !== undefined && this.stepTime * count < SHORT_MS;
    let results: Pointer[];
    if (short) {
      try {
        results = call.now();
      } catch (error) {
        throw step.explain(error);
      }
    } else {
      let over = false;
      const running: RunningLoop = {
        stop: () => onProcessor(binding, () => this.#flag.set(this.#numbers.stop)),
        over: () => over || call.over(),
      };
      this.#running = running;
      enterLoop(running);
      try {
        results = await call.aside();
      } catch (error) {
        throw step.explain(error);
      } finally {
        over = true;
        leaveLoop(running);
        // Another model of the same form may run this loop by now.
        if (this.#running === running) this.#running = undefined;
      }
    }
    try {
      const reads = performance.now();
      const values = results.map((handle) => handleValues(api, binding.status, handle)[0] as number);
      binding.observer?.call('download', 'from TensorFlow', reads, performance.now(), 4 * values.length);
      const steps = values[0] as number;
      // The first call prepares the function.
      if (this.#calls++ > 0 && steps > 0) this.stepTime = (performance.now() - began) / steps;
      step.ran(steps);
      return {
        steps,
        sums: values.slice(1, 1 + this.#shape.outputs),
        last: values.slice(1 + this.#shape.outputs),
      };
    } finally {
      for (const handle of results) api.TFE_DeleteTensorHandle(handle);
    }
  }

  dispose(): void {
    const { api, pointer } = this.#backend.binding.context;
    const status = new Status(api);
    for (const name of [this.#names, this.#inner].flatMap(
      (names) => Object.values(names ?? {}) as string[],
    )) {
      api.TFE_ContextRemoveFunction(pointer, cText(name), status.pointer);
    }
    api.TF_DeleteStatus(status.pointer);
    for (const handle of Object.values(this.#numbers)) api.TFE_DeleteTensorHandle(handle);
    this.#flag.close();
  }
}

/** Calls that take less than this are not worth a thread. */
const SHORT_MS = 1;
/** A call of the inner loop takes about this long: nothing stops it. */
const INNER_MS = 8;

function operations(graph: Graph) {
  return (name: string, inputs: readonly GraphOutput[], ...attributes: OpAttribute[]): GraphOutput => ({
    oper: graph.operation(name, inputs, attributes),
    index: 0,
  });
}

/** Runs `action` with ops placed on the processor. */
export function onProcessor<T>(binding: Binding, action: () => T): T {
  const { device } = binding;
  binding.device = '/device:CPU:0';
  try {
    return action();
  } finally {
    binding.device = device;
  }
}

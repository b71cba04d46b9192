import { createHash } from 'node:crypto';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { OpAttribute } from '../attributes.ts';
import { watchVariables } from '../backend.ts';
import type { OpRecorder, TensorMetadata } from '../binding.ts';
import { ATTR, TF, type TensorValues } from '../c-api/dtypes.ts';
import type { GraphOutput, Pointer } from '../c-api/functions.ts';
import { cText, Status } from '../c-api/library.ts';
import { handleValues } from '../c-api/tensor.ts';
import { restoreEngineFields, saveEngineState } from '../engine-state.ts';
import { enterTrace, leaveTrace } from './active-trace.ts';
import type { NodeBackend, Tf } from '../tfjs/instance.ts';
import { addConstraints, type Constrained } from './constraints.ts';
import type { FiniteWatch } from './finite-watch.ts';
import { currentOf, guardOf, sourceOf, type AfterRun, type GraphInput, type Guard } from './graph-inputs.ts';
import { Graph } from './graph.ts';
import { finishLossScaling, type LossScale } from './loss-scale.ts';
import type { Region } from './regions.ts';
import { StepUpdates } from './step-updates.ts';
import { separated } from './residual-activations.ts';
import { restoreStackTraces, TracedLines } from './traced-lines.ts';
import { MAKES_VARIABLES, Untraceable } from './untraceable.ts';
import { detachVariable, resourceOf, type VariableResource } from './variable-resources.ts';

interface TracedVariable {
  variable: Variable;
  resource: VariableResource;
  input: GraphOutput;
  /** Number of the tensor that was read; -1 before. */
  read: number;
  before: object;
}

/** Numbers in the names of operations that each graph of a step has for itself. */
const NAMES_OF_GRAPH = 1_000_000;

/** Constants up to this many elements go into the graph, where TensorFlow can fold them; larger ones are inputs. */
const SMALL_CONSTANT = 64;

/**
 * One run of a function in which every op goes into a graph instead of to a device. Arguments and variables are inputs;
 * what is assigned to variables becomes an update at the end.
 */
export class Trace implements OpRecorder {
  readonly tf: Tf;
  readonly backend: NodeBackend;
  readonly inputs: { input: GraphInput; output: GraphOutput }[] = [];
  readonly guards: Guard[] = [];
  /** Where in the user's code each operation comes from. */
  readonly lines = new TracedLines();
  /** Done in JavaScript after each run. */
  readonly afterRun: AfterRun[] = [];
  /** The optimizers that the step applies gradients with, and the variables that each trains. */
  readonly trained: { optimizer: object; variables: readonly Variable[] }[] = [];
  /** Multiplies the loss while gradients are taken. */
  readonly lossScale: LossScale | undefined;
  readonly updates = new StepUpdates();
  /** Who looks for numbers that are not finite. */
  readonly watch: FiniteWatch | undefined;
  /** Whether optimizers may use TensorFlow's own update ops. */
  readonly fused: boolean;
  /** How many random ops there are: each call of the function draws as many numbers of the stream. */
  randomOps = 0;

  /** Whether recurrent layers may become loops. */
  readonly loops: boolean;
  /** Whether XLA is to compile the graph: it has ops of its own, and unrolled layers take it long. */
  readonly forXla: boolean;
  /** Whether something is traced otherwise for XLA. */
  differsForXla = false;
  /** For results of softmax, by operation, their logarithms. */
  readonly softmaxes = new Map<Pointer, GraphOutput>();
  /** Functions that the graph calls. */
  readonly functions: { name: string; pointer: Pointer }[] = [];
  readonly #graphs: Graph[] = [];
  readonly #compared: boolean;
  readonly #root: Region;
  #region: Region;
  /** Numbers of everything that has no value yet. */
  readonly #symbolic = new Set<number>();
  readonly #byVariable = new Map<Variable, TracedVariable>();
  readonly #fusedVariables = new Set<Variable>();
  #randomBase: GraphOutput | undefined;
  #randomKey: GraphOutput | undefined;

  constructor(
    tf: Tf,
    backend: NodeBackend,
    options: {
      fused: boolean;
      loops?: boolean;
      forXla?: boolean;
      watch?: FiniteWatch | undefined;
      lossScale?: LossScale | undefined;
      /** Whether `fingerprint` will be asked for. */
      compared?: boolean;
    },
  ) {
    this.tf = tf;
    this.backend = backend;
    this.fused = options.fused;
    this.loops = options.loops ?? true;
    this.forXla = options.forXla ?? false;
    this.lossScale = options.lossScale;
    this.watch = options.watch;
    this.#compared = options.compared ?? false;
    this.watch?.begin(this);
    this.#root = this.#newRegion(undefined, undefined);
    this.#region = this.#root;
  }

  /** The step's own graph and those of the functions within it. */
  get graphs(): readonly Graph[] {
    return this.#graphs;
  }

  /** Where ops go now. */
  get graph(): Graph {
    return this.#region.graph;
  }

  #newRegion(parent: Region | undefined, fetch: Region['fetch']): Region {
    // Names differ between a step's graphs, so that one tells where an operation comes from.
    const graph = new Graph(this.backend.binding.context.api, NAMES_OF_GRAPH * this.#graphs.length);
    graph.lines = this.lines;
    if (this.#compared) graph.notes = [];
    this.#graphs.push(graph);
    return { graph, symbols: new Map(), captured: new Map(), captures: [], parent, fetch };
  }

  /** A function's graph, to be filled with `within`. */
  region(fetch?: Region['fetch']): Region {
    return this.#newRegion(this.#region, fetch);
  }

  /** Runs `action` with ops going into a function's graph. */
  within<T>(region: Region, action: () => T): T {
    const outside = this.#region;
    this.#region = region;
    try {
      return action();
    } finally {
      this.#region = outside;
    }
  }

  /** From now on ops go into this region; `within` puts an end to it. */
  continueIn(region: Region): void {
    this.#region = region;
  }

  /** Whether ops go into a function within the step. */
  get nested(): boolean {
    return this.#region !== this.#root;
  }

  /** Makes a function known to the graph that calls it. */
  addFunction(name: string, pointer: Pointer): void {
    const { api, pointer: context } = this.backend.binding.context;
    const { graph } = this;
    this.functions.push({ name, pointer });
    graph.addFunction(pointer, name);
    api.TFE_ContextAddFunction(context, pointer, graph.status.pointer);
    graph.status.check(name);
  }

  /** Adds an input of the function. */
  addInput(input: GraphInput, dtype: number, shape: readonly number[] | undefined): GraphOutput {
    const output = this.#root.graph.placeholder(dtype, shape);
    this.inputs.push({ input, output });
    return output;
  }

  /** A number of an object that is read anew for each call. */
  number<Owner extends object>(owner: Owner, read: (owner: Owner) => number): GraphOutput {
    const source = sourceOf(owner, read);
    return this.addInput(
      { kind: 'number', current: currentOf(source), dtype: TF.FLOAT, source },
      TF.FLOAT,
      [],
    );
  }

  /** A tensor of an object that is looked up anew for each call. */
  tensor<Owner extends object>(owner: Owner, read: (owner: Owner) => Tensor): GraphOutput {
    const source = sourceOf(owner, read);
    const now = read(owner);
    const { dtype } = this.backend.tensorMap.get(now.dataId);
    const input: GraphInput = { kind: 'tensor', current: currentOf(source), dtype, shape: now.shape, source };
    return this.addInput(input, dtype, now.shape);
  }

  /** Where this call's random numbers begin in the stream. */
  randomBase(counter: () => number): GraphOutput {
    this.#randomBase ??= this.addInput(
      { kind: 'number', current: counter, dtype: TF.INT64, random: true },
      TF.INT64,
      [],
    );
    return this.#randomBase;
  }

  /** The key of the stream. */
  randomKey(key: () => number): GraphOutput {
    this.#randomKey ??= this.addInput({ kind: 'number', current: key, dtype: TF.INT64 }, TF.INT64, []);
    return this.#randomKey;
  }

  /** A tfjs tensor that stands for an output in the graph. */
  symbol(output: GraphOutput): Tensor {
    return this.backend.createOutputTensor(this.#metadata(output));
  }

  /** The output that a tfjs tensor stands for. */
  outputOf(tensor: Tensor): GraphOutput {
    return this.#output(this.backend.getInputTensorIds([tensor])[0] as number);
  }

  /** The resource of a variable, as an input that the function updates. */
  updated(variable: Variable): GraphOutput {
    const traced = this.#byVariable.get(variable) ?? this.#trace(variable);
    const entry = this.inputs.find(({ output }) => output.oper === traced.input.oper);
    if (entry?.input.kind === 'resource') entry.input.updated = true;
    return traced.input;
  }

  /** A variable that an op of the step updates: its new value cannot be seen within the same call. */
  markFused(variable: Variable): void {
    if (variable.dataId !== this.#byVariable.get(variable)?.before) {
      throw new Untraceable('a variable is assigned twice', 'fused');
    }
    this.#fusedVariables.add(variable);
  }

  /** What constraints make of variables that ops of the step update; `false` where the step assigns the variable itself. */
  constrainLater(constrained: Constrained): boolean {
    if (!this.#fusedVariables.has(constrained.variable)) return false;
    this.#constrained.push(constrained);
    return true;
  }
  readonly #constrained: Constrained[] = [];

  /** TensorFlow's dtype of a variable that the step uses. */
  dtypeOf(variable: Variable): number {
    return (this.#byVariable.get(variable) ?? this.#trace(variable)).resource.dtype;
  }

  /** Makes the graph wrong when something of an object reads differently. */
  guard<Owner extends object>(what: string, owner: Owner, read: (owner: Owner) => string): void {
    this.guards.push(guardOf(what, sourceOf(owner, read)));
  }

  // ---- what the binding hands over while tracing

  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[] {
    if (STATEFUL.has(name)) throw new Untraceable(`${name} keeps internal state`);
    const outputsOf = inputs.map((id) => this.#output(id));
    const oper = this.graph.operation(name, separated(this.graph, name, outputsOf), attributes);
    return Array.from({ length: outputs }, (_, index) => this.#metadata({ oper, index }));
  }

  createTensor(shape: number[], dtype: number, values: ArrayLike<number>): number {
    return this.backend.binding.createEagerTensor(shape, dtype, values);
  }

  deleteTensor(id: number): void {
    if (!this.#symbolic.has(id)) this.backend.binding.release(id);
  }

  tensorDataSync(id: number): TensorValues {
    if (this.#symbolic.has(id)) throw new Untraceable('the value of a tensor is read');
    const { binding } = this.backend;
    return handleValues(binding.context.api, binding.status, binding.handle(id));
  }

  // ----

  #metadata(output: GraphOutput): TensorMetadata {
    const shape = this.graph.shape(output);
    if (shape === undefined) throw new Untraceable('the shape of a tensor depends on values');
    const id = this.backend.binding.newId();
    this.#region.symbols.set(id, output);
    this.#symbolic.add(id);
    return { id, shape, dtype: this.graph.dtype(output) };
  }

  #output(id: number, region = this.#region): GraphOutput {
    const known = region.symbols.get(id) ?? region.captured.get(id);
    if (known !== undefined) return known;
    const output = this.#symbolic.has(id) ? this.#fromOutside(id, region) : this.#fromDevice(id, region);
    region.captured.set(id, output);
    return output;
  }

  /** A value of the graph around a function, as an argument of that. */
  #fromOutside(id: number, region: Region): GraphOutput {
    const fetched = region.fetch?.(id);
    if (fetched !== undefined) return fetched;
    if (region.parent === undefined) {
      throw new Untraceable('a value of one step of a loop is used outside of it', 'loops');
    }
    return this.#capture(this.#output(id, region.parent), region);
  }

  #capture(outside: GraphOutput, region: Region): GraphOutput {
    const { graph } = region.parent as Region;
    const inside = region.graph.placeholder(graph.dtype(outside), graph.shape(outside));
    region.captures.push({ outside, inside });
    return inside;
  }

  /** A tensor that has a value: a constant. */
  #fromDevice(id: number, region: Region): GraphOutput {
    const { binding } = this.backend;
    const { api } = binding.context;
    const handle = binding.handle(id);
    const rank = api.TFE_TensorHandleNumDims(handle, binding.status.pointer);
    const shape = Array.from({ length: rank }, (_, i) =>
      api.TFE_TensorHandleDim(handle, i, binding.status.pointer),
    );
    const dtype = api.TFE_TensorHandleDataType(handle);
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (size <= SMALL_CONSTANT && dtype !== TF.RESOURCE) {
      return region.graph.constant(shape, dtype, handleValues(api, binding.status, handle));
    }
    if (region.parent !== undefined) return this.#capture(this.#output(id, region.parent), region);
    const own = api.TFE_TensorHandleCopySharingTensor(handle, binding.status.pointer);
    binding.status.check();
    return this.addInput({ kind: 'constant', handle: own, dtype, shape }, dtype, shape);
  }

  #trace(variable: Variable): TracedVariable {
    const resource = resourceOf(this.backend, variable);
    const input = this.addInput(
      { kind: 'resource', variable: new WeakRef(variable), resource, updated: false },
      TF.RESOURCE,
      undefined,
    );
    const traced: TracedVariable = { variable, resource, input, read: -1, before: variable.dataId };
    this.#byVariable.set(variable, traced);
    return traced;
  }

  /** The number of the tensor that stands for a variable's value at the beginning of the call. */
  #read(dataId: object): number | undefined {
    const variable = this.#watched.get(dataId);
    if (variable === undefined) return undefined;
    if (this.#fusedVariables.has(variable)) {
      throw new Untraceable('a variable is read after it was trained in the same step', 'fused');
    }
    const traced = this.#byVariable.get(variable) ?? this.#trace(variable);
    if (traced.read < 0) {
      const { dtype } = traced.resource;
      const { graph, symbols } = this.#root;
      const oper = graph.operation(
        'ReadVariableOp',
        [traced.input],
        [{ name: 'dtype', type: ATTR.TYPE, value: dtype }],
      );
      const output = { oper, index: 0 };
      graph.setShape(output, variable.shape);
      this.updates.need(oper);
      traced.read = this.backend.binding.newId();
      symbols.set(traced.read, output);
      this.#symbolic.add(traced.read);
    }
    return traced.read;
  }

  /** Variables by the entry that held their value when the trace began. */
  readonly #watched = new Map<object, Variable>();

  /**
   * Runs `body` with every op going into the graph, and leaves tfjs and all variables as they were.
   *
   * @param around runs code of users that comes after the updates, and finds what it does except compute.
   * @returns outputs that `body` gives, with all updates of variables hung before the first of them.
   */
  record(
    body: () => Tensor[],
    around: <Result>(run: () => Result) => Result = (run) => run(),
  ): GraphOutput[] {
    const { tf, backend } = this;
    const { binding } = backend;
    const { registeredVariables } = (
      tf.engine() as unknown as { state: { registeredVariables: Record<string, Variable> } }
    ).state;
    const variables = this.#variables;
    const holders = this.#holders;
    const engine = saveEngineState();
    for (const variable of Object.values(registeredVariables)) this.#hold(variable);
    let ended = false;
    enterTrace(this, () => {
      restoreStackTraces();
      for (const [i, variable] of variables.entries()) {
        const holder = holders[i] as Tensor;
        if (!variable.isDisposed && variable.dataId !== holder.dataId) variable.assign(holder);
        holder.dispose();
      }
      if (!ended) restoreEngineFields(engine);
      watchVariables(undefined);
      binding.recorder = undefined;
    });
    try {
      binding.recorder = this;
      watchVariables({ idOf: (dataId) => this.#read(dataId) });
      tf.engine().startScope('tensorcell trace');
      const tensors = body();
      const outputs = tensors.map((tensor) => this.outputOf(tensor));
      finishLossScaling(tf, this);
      for (const [i, variable] of variables.entries()) {
        if (variable.isDisposed) throw new Untraceable('a variable is disposed');
        if (variable.dataId === (holders[i] as Tensor).dataId) continue;
        const value = this.outputOf(variable);
        const resource = this.updated(variable);
        this.updates.add([value], (barrier) =>
          this.graph.operation(
            'AssignVariableOp',
            [resource, value],
            [{ name: 'dtype', type: ATTR.TYPE, value: this.graph.dtype(value) }],
            [barrier],
          ),
        );
      }
      if (Object.keys(registeredVariables).length !== variables.length) {
        throw new Untraceable(MAKES_VARIABLES);
      }
      const look = () => {
        const [loss] = outputs;
        return loss && this.watch?.finish(loss, (variable) => this.#readOf(variable));
      };
      const finished = this.updates.finish(this, outputs, look, (updates) =>
        addConstraints(this, this.#constrained, updates, around),
      );
      tf.engine().endScope();
      ended = true;
      // What the body keeps for its caller would stay for good: nobody gets it.
      for (const tensor of tensors) {
        if (this.#isSymbol(tensor) && (tensor as Tensor & { kept: boolean }).kept) tensor.dispose();
      }
      return finished;
    } finally {
      leaveTrace();
    }
  }

  /** Variables that there were when the trace began, or that it made beforehand, and clones that hold on to their values. */
  readonly #variables: Variable[] = [];
  readonly #holders: Tensor[] = [];

  /** Watches a variable; what is assigned to it in the trace would free its value. */
  #hold(variable: Variable): void {
    detachVariable(this.tf, this.backend, variable);
    this.#watched.set(variable.dataId, variable);
    this.#variables.push(variable);
    this.#holders.push(this.tf.keep(variable.clone()));
  }

  /**
   * Makes a variable that the function would make in its first run, such as an optimizer's state, so that no run has to
   * come before the trace: the first run of a large model by ops takes several times the memory of its graph.
   *
   * @param value of the variable; disposed here.
   */
  beforehand(value: () => Tensor): Variable {
    const { binding } = this.backend;
    binding.recorder = undefined;
    try {
      const initial = value();
      const variable = this.tf.variable(initial, false);
      initial.dispose();
      this.#hold(variable);
      return variable;
    } finally {
      binding.recorder = this;
    }
  }

  /** What was read of a variable at the beginning of the call, if it was. */
  #readOf(variable: Variable): GraphOutput | undefined {
    const read = this.#byVariable.get(variable)?.read ?? -1;
    return read < 0 ? undefined : this.#root.symbols.get(read);
  }

  #isSymbol(tensor: Tensor): boolean {
    const { tensorMap } = this.backend;
    return tensorMap.has(tensor.dataId) && this.#symbolic.has(tensorMap.get(tensor.dataId).id);
  }

  /** A text that is the same for two traces that compute the same. */
  fingerprint(): string {
    const { api } = this.backend.binding.context;
    const inputs = this.inputs.map(({ input }): string => {
      switch (input.kind) {
        case 'argument':
          return `argument ${input.index}`;
        case 'resource':
          return `variable ${input.variable.deref()?.id ?? ''}`;
        case 'tensor':
          return `tensor ${input.current().id}`;
        case 'number':
          return `number ${input.current()}`;
        default: {
          if (input.dtype === TF.RESOURCE) return 'resource';
          const values = handleValues(api, this.backend.binding.status, input.handle);
          const bytes = ArrayBuffer.isView(values) ? values : Buffer.concat(values);
          return `constant ${createHash('sha1').update(bytes).digest('hex')}`;
        }
      }
    });
    const graphs = this.#graphs.map(({ notes }) => notes?.join('\n'));
    return [...inputs, ...graphs, ...this.guards.map(({ expected }) => expected)].join('\n');
  }

  /** Frees the graph, and what was captured unless the function keeps it. */
  dispose(keepConstants: boolean): void {
    for (const graph of this.#graphs) graph.dispose();
    if (keepConstants) return;
    const { api, pointer } = this.backend.binding.context;
    const status = new Status(api);
    for (const { name, pointer: made } of this.functions) {
      api.TFE_ContextRemoveFunction(pointer, cText(name), status.pointer);
      api.TF_DeleteFunction(made);
    }
    api.TF_DeleteStatus(status.pointer);
    for (const { input } of this.inputs) {
      if (input.kind === 'constant') this.backend.binding.context.api.TFE_DeleteTensorHandle(input.handle);
    }
  }
}

/** Ops whose results do not follow from their inputs. */
const STATEFUL = new Set([
  'Multinomial',
  // Its seed is drawn in JavaScript.
  'StatelessMultinomial',
  'RandomUniform',
  'RandomStandardNormal',
  'SummaryWriter',
  'CreateSummaryFileWriter',
  'WriteScalarSummary',
  'WriteSummary',
  'FlushSummaryWriter',
]);

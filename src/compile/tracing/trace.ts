import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { OpAttribute } from '../../engines/ops.ts';
import type { OpRecorder, TensorMetadata } from '../../engines/op-recorder.ts';
import { TF, type TensorValues } from '../../engines/dtypes.ts';
import type { GraphOutput, Handle } from '../../engines/ops.ts';
import { enterTrace, leaveTrace, pauseTrace } from './active-trace.ts';
import { engineOf } from '../../tfjs/engine.ts';
import { restoreEngineFields, saveEngineFields } from '../../tfjs/engine-fields.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { addConstraints } from './constraints.ts';
import { currentOf, guardOf, sourceOf, type AfterRun, type Capture, type Guard } from './captures.ts';
import type { GraphBuilder } from '../../engines/engine.ts';
import type { Region } from './regions.ts';
import { StepUpdates } from './step-updates.ts';
import type { ActivationWatch, Constrained, ScaledLoss, TraceOptions, TraceScope } from './trace-scope.ts';
import { restoreStackTraces, TracedLines } from './traced-lines.ts';
import { STATEFUL } from './stateful-ops.ts';
import { TracedVariables } from './traced-variables.ts';
import { Untraceable } from '../../engines/untraceable.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** Numbers in the names of operations that each graph of a step has for itself. */
const NAMES_OF_GRAPH = 1_000_000;

/** Constants up to this many elements go into the graph, where TensorFlow can fold them; larger ones are inputs. */
const SMALL_CONSTANT = 64;

/**
 * One run of a function in which every op goes into a graph instead of to a device. Arguments and variables are inputs;
 * what is assigned to variables becomes an update at the end.
 */
export class Trace implements OpRecorder, TraceScope {
  readonly tf: Tf;
  readonly backend: NodeBackend;
  readonly inputs: { input: Capture; output: GraphOutput }[] = [];
  readonly guards: Guard[] = [];
  /** Where in the user's code each operation comes from. */
  readonly lines = new TracedLines();
  /** Done in JavaScript after each run. */
  readonly afterRun: AfterRun[] = [];
  /** The optimizers that the step applies gradients with, and the variables that each trains. */
  readonly trained: { optimizer: object; variables: readonly Variable[] }[] = [];
  /** Multiplies the loss while gradients are taken. */
  readonly lossScale: ScaledLoss | undefined;
  readonly updates = new StepUpdates();
  /** Looks for numbers that are not finite. */
  readonly watch: ActivationWatch | undefined;
  /** Whether optimizers may use TensorFlow's own update ops. */
  readonly fused: boolean;
  /** How many random ops there are: each call of the function draws as many numbers of the stream. */
  randomOps = 0;

  /** Whether recurrent layers may become loops. */
  readonly loops: boolean;
  /** Whether XLA is to compile the graph: it has different ops, and unrolled layers take it long. */
  readonly forXla: boolean;
  /** Whether something is traced otherwise for XLA. */
  differsForXla = false;
  /** For results of softmax, by operation, their logarithms. */
  readonly softmaxes = new Map<Handle, GraphOutput>();
  /** Functions that the graph calls. */
  readonly functions: { name: string; pointer: Handle }[] = [];
  readonly #graphs: GraphBuilder[] = [];
  readonly #compared: boolean;
  readonly #root: Region;
  #region: Region;
  /** Numbers of everything that has no value yet. */
  readonly #symbolic = new Set<number>();
  readonly #variables: TracedVariables;
  #randomBase: GraphOutput | undefined;
  #randomKey: GraphOutput | undefined;

  constructor(tf: Tf, backend: NodeBackend, options: TraceOptions) {
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
    const graph = () => this.graph;
    this.#variables = new TracedVariables({
      tf,
      backend,
      updates: this.updates,
      inputs: this.inputs,
      root: this.#root,
      get graph() {
        return graph();
      },
      addInput: this.addInput.bind(this),
      outputOf: this.outputOf.bind(this),
      symbolic: (id) => this.#symbolic.add(id),
    });
  }

  /** The step's own graph and those of the functions within it. */
  get graphs(): readonly GraphBuilder[] {
    return this.#graphs;
  }

  /** Where ops go now. */
  get graph(): GraphBuilder {
    return this.#region.graph;
  }

  #newRegion(parent: Region | undefined, fetch: Region['fetch']): Region {
    // Names differ between a step's graphs, so that one tells where an operation comes from.
    const graph = this.backend.engine.newGraph(NAMES_OF_GRAPH * this.#graphs.length);
    graph.observer = this.lines;
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
  addFunction(name: string, pointer: Handle): void {
    this.functions.push({ name, pointer });
    this.graph.addFunction(pointer, name);
    this.backend.engine.addFunction({ name, pointer });
  }

  /** Adds an input of the function. */
  addInput(input: Capture, dtype: number, shape: readonly number[] | undefined): GraphOutput {
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
    const input: Capture = { kind: 'tensor', current: currentOf(source), dtype, shape: now.shape, source };
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

  updated(variable: Variable): GraphOutput {
    return this.#variables.updated(variable);
  }

  markFused(variable: Variable): void {
    this.#variables.markFused(variable);
  }

  constrainLater(constrained: Constrained): boolean {
    return this.#variables.constrainLater(constrained);
  }

  dtypeOf(variable: Variable): number {
    return this.#variables.dtypeOf(variable);
  }

  /** Makes the graph wrong when something of an object reads differently. */
  guard<Owner extends object>(what: string, owner: Owner, read: (owner: Owner) => string): void {
    this.guards.push(guardOf(what, sourceOf(owner, read)));
  }

  // ---- what the binding hands over while tracing

  idOf(dataId: object): number | undefined {
    return this.#variables.idOf(dataId);
  }

  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[] {
    if (STATEFUL.has(name)) throw new Untraceable(`${name} keeps internal state`);
    const outputsOf = inputs.map((id) => this.#output(id));
    const oper = this.graph.operation(name, this.graph.prepareInputs(name, outputsOf), attributes);
    return Array.from({ length: outputs }, (_, index) => this.#metadata({ oper, index }));
  }

  createTensor(shape: number[], dtype: number, values: ArrayLike<number>): number {
    return this.backend.engine.createEagerTensor(shape, dtype, values);
  }

  deleteTensor(id: number): void {
    if (!this.#symbolic.has(id)) this.backend.engine.releaseTensor(id);
  }

  tensorDataSync(id: number): TensorValues {
    if (this.#symbolic.has(id)) throw new Untraceable('the value of a tensor is read');
    const { engine } = this.backend;
    return engine.read(engine.handle(id));
  }

  // ----

  #metadata(output: GraphOutput): TensorMetadata {
    const shape = this.graph.shape(output);
    if (shape === undefined) throw new Untraceable('the shape of a tensor depends on values');
    const id = this.backend.engine.newId();
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
    const { engine } = this.backend;
    const handle = engine.handle(id);
    const shape = engine.shapeOf(handle);
    const dtype = engine.dtypeOf(handle);
    const size = elementCount(shape);
    if (size <= SMALL_CONSTANT && dtype !== TF.RESOURCE) {
      return region.graph.constant(shape, dtype, engine.read(handle));
    }
    if (region.parent !== undefined) return this.#capture(this.#output(id, region.parent), region);
    return this.addInput({ kind: 'constant', handle: engine.share(handle), dtype, shape }, dtype, shape);
  }

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
    const { registeredVariables } = engineOf(tf).state;
    const variables = this.#variables;
    const saved = saveEngineFields();
    for (const variable of Object.values(registeredVariables)) variables.retain(variable);
    let ended = false;
    enterTrace(this, backend.engine, () => {
      restoreStackTraces();
      variables.restore();
      if (!ended) restoreEngineFields(saved);
    });
    try {
      tf.engine().startScope('tensorcell trace');
      const tensors = body();
      const outputs = tensors.map((tensor) => this.outputOf(tensor));
      this.lossScale?.finish(this);
      variables.addAssignments(Object.keys(registeredVariables).length);
      const look = () => {
        const [loss] = outputs;
        return loss && this.watch?.finish(loss, (variable) => variables.readOf(variable));
      };
      const finished = this.updates.finish(this, outputs, look, (updates) =>
        addConstraints(this, variables.constrained, updates, around),
      );
      tf.engine().endScope();
      ended = true;
      // Tensors that the body keeps for its caller would stay for good: the caller never gets them.
      for (const tensor of tensors) {
        if (this.#isSymbol(tensor) && (tensor as Tensor & { kept: boolean }).kept) tensor.dispose();
      }
      return finished;
    } finally {
      leaveTrace();
    }
  }

  /**
   * Makes a variable that the function would make in its first run, such as an optimizer's state, so that no run has to
   * come before the trace: the first run of a large model by ops takes several times the memory of its graph.
   *
   * @param value of the variable; disposed here.
   */
  beforehand(value: () => Tensor): Variable {
    return pauseTrace(() => {
      const initial = value();
      const variable = this.tf.variable(initial, false);
      initial.dispose();
      this.#variables.retain(variable);
      return variable;
    });
  }

  #isSymbol(tensor: Tensor): boolean {
    const { tensorMap } = this.backend;
    return tensorMap.has(tensor.dataId) && this.#symbolic.has(tensorMap.get(tensor.dataId).id);
  }

  /** Frees the graph, and what was captured unless the function keeps it. */
  dispose(keepConstants: boolean): void {
    for (const graph of this.#graphs) graph.dispose();
    if (keepConstants) return;
    this.backend.engine.removeFunctions(this.functions);
    for (const { input } of this.inputs) {
      if (input.kind === 'constant') this.backend.engine.free(input.handle);
    }
  }
}

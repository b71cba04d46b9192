import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { GraphOutput, Handle } from '../../engines/ops.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import type { AfterRun, Capture } from './captures.ts';
import type { GraphBuilder } from '../../engines/engine.ts';
import type { Region } from './regions.ts';

/** A weight with the constraint that follows its update. */
export interface Constrained {
  variable: Variable;
  change: (value: Tensor) => Tensor;
}

/** Updates of variables, as code that is traced adds them. */
export interface TracedUpdates {
  /** A truth without which variables stay as they are. */
  gate: GraphOutput | undefined;
  /** An op that comes before any update. */
  need(oper: Handle): void;
  /** Adds an op that updates resources; `gated`: not where there is a gate which is shut. */
  add(needs: readonly GraphOutput[], add: (barrier: Handle) => Handle, when?: 'gated' | 'always'): void;
}

/** Looks for numbers that are not finite in a step. */
export interface ActivationWatch {
  /** The trace begins. */
  begin(trace: TraceScope): void;
  /** A layer gave this tensor. */
  saw(layer: string, tensor: Tensor): void;
  /**
   * Adds the check of the loss to the graph.
   *
   * @param read gives what the graph has read of a variable; undefined when it has not.
   * @returns the operation that has to come before the updates of variables.
   */
  finish(loss: GraphOutput, read: (variable: Variable) => GraphOutput | undefined): Handle | undefined;
}

/** Dynamic loss scaling in a trace. */
export interface ScaledLoss {
  /** The factor of the loss. */
  readonly scale: Variable;
  /** Notes for a gradient that was taken in the trace whether it is finite. */
  note(trace: TraceScope, finite: GraphOutput): void;
  /** At the end of a trace: adds what decides about its updates and the factor's. */
  finish(trace: TraceScope): void;
}

/** How a function is traced. */
export interface TraceOptions {
  /** Whether optimizers may use TensorFlow's own update ops. */
  fused: boolean;
  /** Whether recurrent layers may become loops. Default true. */
  loops?: boolean;
  /** Whether XLA is to compile the graph. Default false. */
  forXla?: boolean;
  watch?: ActivationWatch | undefined;
  lossScale?: ScaledLoss | undefined;
  /** Whether `fingerprintOf` will be called. */
  compared?: boolean;
}

/**
 * A trace, as far as code that takes part in it needs it: layers, optimizers, random ops and lowerings put operations into
 * its graph through this border, and know nothing of how a trace is recorded (`trace.ts`).
 */
export interface TraceScope {
  readonly tf: Tf;
  readonly backend: NodeBackend;
  /** Where ops go now. */
  readonly graph: GraphBuilder;
  readonly inputs: readonly { input: Capture; output: GraphOutput }[];
  /** Done in JavaScript after each run. */
  readonly afterRun: AfterRun[];
  /** The optimizers that the step applies gradients with, and the variables that each trains. */
  readonly trained: { optimizer: object; variables: readonly Variable[] }[];
  /** Multiplies the loss while gradients are taken. */
  readonly lossScale: ScaledLoss | undefined;
  readonly updates: TracedUpdates;
  readonly watch: ActivationWatch | undefined;
  /** Whether optimizers may use TensorFlow's own update ops. */
  readonly fused: boolean;
  /** Whether recurrent layers may become loops. */
  readonly loops: boolean;
  /** Whether XLA is to compile the graph: it has other ops, and takes long for unrolled layers. */
  readonly forXla: boolean;
  /** Whether something is traced otherwise for XLA. */
  differsForXla: boolean;
  /** How many random ops there are: each call of the function draws as many numbers of the stream. */
  randomOps: number;
  /** For results of softmax, by operation, their logarithms. */
  readonly softmaxes: Map<Handle, GraphOutput>;
  /** Whether ops go into a function within the step. */
  readonly nested: boolean;

  /** A function's graph, to be filled with `within`. */
  region(fetch?: Region['fetch']): Region;
  /** Runs `action` with ops going into a function's graph. */
  within<T>(region: Region, action: () => T): T;
  /** From now on ops go into this region; `within` puts an end to it. */
  continueIn(region: Region): void;
  /** Makes a function known to the graph that calls it. */
  addFunction(name: string, pointer: Handle): void;

  /** Adds an input of the function. */
  addInput(input: Capture, dtype: number, shape: readonly number[] | undefined): GraphOutput;
  /** A number of an object that is read anew for each call. */
  number<Owner extends object>(owner: Owner, read: (owner: Owner) => number): GraphOutput;
  /** A tensor of an object that is looked up anew for each call. */
  tensor<Owner extends object>(owner: Owner, read: (owner: Owner) => Tensor): GraphOutput;
  /** Where this call's random numbers begin in the stream. */
  randomBase(counter: () => number): GraphOutput;
  /** The key of the stream. */
  randomKey(key: () => number): GraphOutput;

  /** A tfjs tensor that stands for an output in the graph. */
  symbol(output: GraphOutput): Tensor;
  /** The output that a tfjs tensor stands for. */
  outputOf(tensor: Tensor): GraphOutput;

  /** The resource of a variable, as an input that the function updates. */
  updated(variable: Variable): GraphOutput;
  /** A variable that an op of the step updates: its new value cannot be seen within the same call. */
  markFused(variable: Variable): void;
  /** Adds the constraint of a variable that an op of the step updates; `false` where the step assigns the variable itself. */
  constrainLater(constrained: Constrained): boolean;
  /** TensorFlow's dtype of a variable that the step uses. */
  dtypeOf(variable: Variable): number;
  /** Makes the graph wrong when something of an object reads differently. */
  guard<Owner extends object>(what: string, owner: Owner, read: (owner: Owner) => string): void;
  /**
   * Makes a variable that the function would make in its first run, such as an optimizer's state.
   *
   * @param value of the variable; disposed here.
   */
  beforehand(value: () => Tensor): Variable;
}

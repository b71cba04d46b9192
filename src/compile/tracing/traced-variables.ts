import type { Tensor, Variable } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import type { Capture } from './captures.ts';
import type { GraphBuilder } from '../../engines/engine.ts';
import type { Region } from './regions.ts';
import type { Constrained, TracedUpdates } from './trace-scope.ts';
import { MAKES_VARIABLES, Untraceable } from '../../engines/untraceable.ts';
import { detachVariable, resourceOf, type VariableResource } from '../state/variable-resources.ts';

interface TracedVariable {
  variable: Variable;
  resource: VariableResource;
  input: GraphOutput;
  /** Number of the tensor that was read; -1 before. */
  read: number;
  before: object;
}

/** The trace as its variables see it. */
interface VariableScope {
  readonly tf: Tf;
  readonly backend: NodeBackend;
  /** The step's own graph: variables are read there, whichever function ops go into. */
  readonly root: Region;
  /** Where ops go now: updates may go into a branch. */
  readonly graph: GraphBuilder;
  readonly inputs: readonly { input: Capture; output: GraphOutput }[];
  readonly updates: TracedUpdates;
  addInput(input: Capture, dtype: number, shape: readonly number[] | undefined): GraphOutput;
  outputOf(tensor: Tensor): GraphOutput;
  /** A number stands for an output from now on. */
  symbolic(id: number): void;
}

/** The variables that there are in a trace: what it reads of them, and what it assigns to them. */
export class TracedVariables {
  readonly #scope: VariableScope;
  readonly #byVariable = new Map<Variable, TracedVariable>();
  readonly #fused = new Set<Variable>();
  readonly #constrained: Constrained[] = [];
  /** Variables by the entry that held their value when the trace began. */
  readonly #byEntry = new Map<object, Variable>();
  /** Variables that there were when the trace began, or that it made beforehand, and clones that retain their values. */
  readonly #variables: Variable[] = [];
  readonly #holders: Tensor[] = [];

  constructor(scope: VariableScope) {
    this.#scope = scope;
  }

  /** Constraints of the variables that ops of the step update. */
  get constrained(): readonly Constrained[] {
    return this.#constrained;
  }

  /** Watches a variable; what is assigned to it in the trace would free its value. */
  retain(variable: Variable): void {
    const { tf, backend } = this.#scope;
    detachVariable(tf, backend, variable);
    this.#byEntry.set(variable.dataId, variable);
    this.#variables.push(variable);
    this.#holders.push(tf.keep(variable.clone()));
  }

  /** Gives every variable the value that it had when the trace began. */
  restore(): void {
    for (const [i, variable] of this.#variables.entries()) {
      const holder = this.#holders[i] as Tensor;
      if (!variable.isDisposed && variable.dataId !== holder.dataId) variable.assign(holder);
      holder.dispose();
    }
  }

  /**
   * Makes updates of what was assigned in the trace.
   *
   * @param count of variables that tfjs has now.
   * @throws Untraceable where a variable was disposed or made.
   */
  addAssignments(count: number): void {
    const scope = this.#scope;
    for (const [i, variable] of this.#variables.entries()) {
      if (variable.isDisposed) throw new Untraceable('a variable is disposed');
      if (variable.dataId === (this.#holders[i] as Tensor).dataId) continue;
      const value = scope.outputOf(variable);
      const resource = this.updated(variable);
      scope.updates.add([value], (barrier) =>
        scope.graph.operation(
          'AssignVariableOp',
          [resource, value],
          [{ name: 'dtype', type: ATTR.TYPE, value: scope.graph.dtype(value) }],
          [barrier],
        ),
      );
    }
    if (count !== this.#variables.length) throw new Untraceable(MAKES_VARIABLES);
  }

  /** The resource of a variable, as an input that the function updates. */
  updated(variable: Variable): GraphOutput {
    const traced = this.#byVariable.get(variable) ?? this.#trace(variable);
    const entry = this.#scope.inputs.find(({ output }) => output.oper === traced.input.oper);
    if (entry?.input.kind === 'resource') entry.input.updated = true;
    return traced.input;
  }

  /** A variable that an op of the step updates: its new value cannot be seen within the same call. */
  markFused(variable: Variable): void {
    if (variable.dataId !== this.#byVariable.get(variable)?.before) {
      throw new Untraceable('a variable is assigned twice', 'fused');
    }
    this.#fused.add(variable);
  }

  /** `false` where the step assigns the variable itself. */
  constrainLater(constrained: Constrained): boolean {
    if (!this.#fused.has(constrained.variable)) return false;
    this.#constrained.push(constrained);
    return true;
  }

  /** TensorFlow's dtype of a variable that the step uses. */
  dtypeOf(variable: Variable): number {
    return (this.#byVariable.get(variable) ?? this.#trace(variable)).resource.dtype;
  }

  /** The number of the tensor that stands for a variable's value at the beginning of the call; undefined for other tensors. */
  idOf(dataId: object): number | undefined {
    const variable = this.#byEntry.get(dataId);
    if (variable === undefined) return undefined;
    if (this.#fused.has(variable)) {
      throw new Untraceable('a variable is read after it was trained in the same step', 'fused');
    }
    const traced = this.#byVariable.get(variable) ?? this.#trace(variable);
    if (traced.read < 0) traced.read = this.#readInGraph(traced);
    return traced.read;
  }

  #readInGraph({ variable, resource, input }: TracedVariable): number {
    const { root, updates, backend } = this.#scope;
    const { graph, symbols } = root;
    const type = { name: 'dtype', type: ATTR.TYPE, value: resource.dtype };
    const oper = graph.operation('ReadVariableOp', [input], [type]);
    const output = { oper, index: 0 };
    graph.setShape(output, variable.shape);
    updates.need(oper);
    const id = backend.engine.newId();
    symbols.set(id, output);
    this.#scope.symbolic(id);
    return id;
  }

  /** The value of a variable at the beginning of the call, where the trace has read it. */
  readOf(variable: Variable): GraphOutput | undefined {
    const read = this.#byVariable.get(variable)?.read ?? -1;
    return read < 0 ? undefined : this.#scope.root.symbols.get(read);
  }

  #trace(variable: Variable): TracedVariable {
    const resource = resourceOf(this.#scope.backend, variable);
    const input = this.#scope.addInput(
      { kind: 'resource', variable: new WeakRef(variable), resource, updated: false },
      TF.RESOURCE,
      undefined,
    );
    const traced: TracedVariable = { variable, resource, input, read: -1, before: variable.dataId };
    this.#byVariable.set(variable, traced);
    return traced;
  }
}

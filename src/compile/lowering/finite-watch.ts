import type { Tensor, Variable } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput, Handle } from '../../engines/ops.ts';
import type { NodeBackend } from '../../tfjs/instance.ts';
import { FUNCTION } from '../../engines/ops.ts';
import type { Capture } from '../tracing/captures.ts';
import type { ActivationWatch, TraceScope } from '../tracing/trace-scope.ts';
import { EngineSession } from '../state/engine-session.ts';
import { VariableResource } from '../state/variable-resources.ts';

/** Where a training step first held a number that is not finite. */
export interface NotFinite {
  /**
   * `data`: what the step was given; `activation`: what a layer gave; `loss`: the loss, although all activations were
   * finite; `gradient`: the gradient of a layer's weights in the step before, which spoilt the weights.
   */
  what: 'data' | 'activation' | 'loss' | 'gradient';
  /** The layer; the last one for the loss, and empty for data. */
  layer: string;
}

/** Something that is looked at when the loss is not finite. */
interface Check extends NotFinite {
  output: GraphOutput;
}

/** A layer of tfjs, as far as its weights are watched. */
export interface WatchedLayer {
  name: string;
  trainableWeights: readonly { val: Variable }[];
}

interface WatchedModel {
  readonly layers: readonly WatchedLayer[];
}

const type = (name: string, value: number | number[]) => ({ name, type: ATTR.TYPE, value });
const at = (oper: Handle, index = 0): GraphOutput => ({ oper, index });

/**
 * Watches a training step for numbers that are not finite. The step's graph looks at its loss, one number; only when that is
 * not finite does a branch look through data, weights and activations and note in a resource which of them were not
 * finite. The first step that goes wrong is the one that is told of: after it everything is.
 */
export class FiniteWatch implements ActivationWatch {
  readonly #backend: NodeBackend;
  /** Released once the graph is made: the object that frees the graph must not keep the model. */
  #model: WatchedModel | undefined;
  readonly #activations: Check[] = [];
  #checks: readonly NotFinite[] = [];
  #flags: VariableResource | undefined;

  constructor(backend: NodeBackend, model: WatchedModel) {
    this.#backend = backend;
    this.#model = model;
  }

  #trace: TraceScope | undefined;

  /** Begins with a trace. */
  begin(trace: TraceScope): void {
    this.#trace = trace;
  }

  /** A layer gave this tensor. */
  saw(layer: string, tensor: Tensor): void {
    if (tensor.dtype !== 'float32' || this.#trace === undefined || this.#trace.nested) return;
    const output = this.#trace.outputOf(tensor);
    if (this.#trace.inputs.some((input) => input.output.oper === output.oper)) return;
    this.#activations.push({ what: 'activation', layer, output });
  }

  /**
   * Adds the check of the loss to the graph.
   *
   * @param read gives what the graph has read of a variable; undefined when it has not.
   * @returns the operation that has to come before the variables' updates.
   */
  finish(loss: GraphOutput, read: (variable: Variable) => GraphOutput | undefined): Handle | undefined {
    const trace = this.#trace as TraceScope;
    const layers = this.#model?.layers ?? [];
    this.#trace = undefined;
    this.#model = undefined;
    const { graph } = trace;
    if (graph.dtype(loss) !== TF.FLOAT || graph.shape(loss)?.length !== 0) return undefined;
    const checks: Check[] = [];
    for (const { input, output } of trace.inputs)
      if (input.kind === 'argument' && graph.dtype(output) === TF.FLOAT)
        checks.push({ what: 'data', layer: '', output });
    for (const layer of layers) {
      for (const weight of layer.trainableWeights) {
        const output = read(weight.val);
        if (output !== undefined) checks.push({ what: 'gradient', layer: layer.name, output });
      }
    }
    checks.push(...this.#activations);
    this.#checks = checks;
    if (checks.length === 0) return undefined;
    const { engine } = this.#backend;
    // One for each check, and one that says that there was something to look at.
    const flags = this.#open(checks.length + 1);
    const resource = trace.addInput(this.#input(flags), TF.RESOURCE, undefined);
    const name = EngineSession.of(engine).functionName('finite');
    const inputs = [resource, ...checks.map(({ output }) => output)];
    for (const wrong of [true, false]) {
      const branchName = `${name}_${String(wrong)}`;
      trace.addFunction(branchName, branch(trace, branchName, inputs, wrong));
    }
    const finite = at(graph.operation('IsFinite', [loss], [type('T', TF.FLOAT)]));
    // A call of a function costs a small step as much as several of its ops, taken or not: where ops are many and small it
    // is left out as long as all is well. Switches within the graph are not for XLA.
    const gpu = engine.onGpu;
    trace.differsForXla ||= !gpu;
    const skipped = !gpu && !trace.forXla;
    const ways = skipped ? graph.operation('Switch', [finite, finite], [type('T', TF.BOOL)]) : undefined;
    const look = graph.operation(
      'If',
      [finite, ...inputs],
      [
        type('Tcond', TF.BOOL),
        type(
          'Tin',
          inputs.map((input) => graph.dtype(input)),
        ),
        type('Tout', [TF.INT32]),
        { name: 'then_branch', type: FUNCTION, value: `${name}_false` },
        { name: 'else_branch', type: FUNCTION, value: `${name}_true` },
        // Its branches lie on one device: only where there is a GPU their ops are put among the others.
        { name: '_lower_using_switch_merge', type: ATTR.BOOL, value: gpu },
      ],
      ways === undefined ? [] : [graph.operation('Identity', [at(ways, 0)])],
    );
    if (ways !== undefined) {
      const well = graph.operation('Identity', [at(ways, 1)]);
      const done = at(graph.operation('Cast', [at(well)], [type('SrcT', TF.BOOL), type('DstT', TF.INT32)]));
      return graph.operation(
        'Merge',
        [at(look), done],
        [type('T', TF.INT32), { name: 'N', type: ATTR.INT, value: 2 }],
      );
    }
    // A branch counts only as far as its result is used.
    return graph.operation('Identity', [at(look)]);
  }

  /** The resource with a flag for each check, none of them set. */
  #open(count: number): VariableResource {
    const { engine } = this.#backend;
    return engine.onCpu(() => {
      const flags = new VariableResource(engine, TF.BOOL, [count]);
      this.#flags = flags;
      this.#clear(flags, count);
      return flags;
    });
  }

  /** The flags as an input of a step, which frees the handle. */
  #input(flags: VariableResource): Capture {
    const { engine } = this.#backend;
    const handle = engine.share(flags.handle);
    return { kind: 'constant', handle, dtype: TF.RESOURCE, shape: [], resource: flags, scratch: 'flags' };
  }

  /** The checks of a graph with this watch, in the order of its flags. */
  get looksAt(): readonly NotFinite[] {
    return this.#checks.map(({ what, layer }) => ({ what, layer }));
  }

  /** Watches the steps of a graph that was made with another watch. @returns the input for its flags. */
  watchAs(checks: readonly NotFinite[]): Capture {
    this.#model = undefined;
    this.#checks = checks;
    return this.#input(this.#open(checks.length + 1));
  }

  #clear(flags: VariableResource, count: number): void {
    const { engine } = this.#backend;
    const none = engine.value(
      [count],
      TF.BOOL,
      Array.from({ length: count }, () => false),
    );
    try {
      flags.assign(none);
    } finally {
      engine.free(none);
    }
  }

  /** Where the first step that went wrong did so; undefined when none has. Forgets it: the next one is told anew. */
  take(): NotFinite | undefined {
    const flags = this.#flags;
    if (flags === undefined) return undefined;
    const { engine } = this.#backend;
    const set = engine.onCpu(() => {
      const handle = flags.read();
      try {
        return Array.from(engine.read(handle) as Uint8Array);
      } finally {
        engine.free(handle);
      }
    });
    if (!set.includes(1)) return undefined;
    engine.onCpu(() => this.#clear(flags, set.length));
    // The last flag belongs to no check.
    const found = this.#checks.filter((_, i) => set[i] === 1);
    const first = (what: NotFinite['what']) => found.find((check) => check.what === what);
    // A gradient that is not finite makes all gradients from there to the input so: the layer next to the output began.
    const place = first('data') ?? found.findLast(({ what }) => what === 'gradient') ?? first('activation');
    if (place !== undefined) return { what: place.what, layer: place.layer };
    return { what: 'loss', layer: this.#checks.findLast(({ what }) => what === 'activation')?.layer ?? '' };
  }

  /** Frees what the graph's look needs, with the graph. */
  dispose(): void {
    this.#flags?.close();
    this.#flags = undefined;
  }
}

/** One side of the check: notes what is not finite, or does nothing. Both take the same. */
function branch(trace: TraceScope, name: string, inputs: readonly GraphOutput[], wrong: boolean): Handle {
  const graph = trace.backend.engine.newGraph();
  try {
    const given = inputs.map((input) =>
      graph.placeholder(
        trace.graph.dtype(input),
        trace.graph.dtype(input) === TF.RESOURCE ? undefined : trace.graph.shape(input),
      ),
    );
    const done = graph.constant([], TF.INT32, [0]);
    if (!wrong) return graph.toFunction(name, given, [at(graph.operation('Identity', [done]))]);
    const [flags, ...values] = given as [GraphOutput, ...GraphOutput[]];
    const bool = type('T', TF.BOOL);
    const all = (value: GraphOutput, rank: number) =>
      at(
        graph.operation(
          'All',
          [
            value,
            graph.constant(
              [rank],
              TF.INT32,
              Array.from({ length: rank }, (_, i) => i),
            ),
          ],
          [type('Tidx', TF.INT32)],
        ),
      );
    const bad = values.map((value) => {
      const finite = at(graph.operation('IsFinite', [value], [type('T', TF.FLOAT)]));
      return at(graph.operation('LogicalNot', [all(finite, graph.shape(value)?.length ?? 0)]));
    });
    // The last flag is always set: where it is the only one, the loss itself went wrong.
    bad.push(graph.constant([], TF.BOOL, [1]));
    const now = at(graph.operation('Pack', bad, [bool, { name: 'N', type: ATTR.INT, value: bad.length }]));
    const read = graph.operation('ReadVariableOp', [flags], [type('dtype', TF.BOOL)]);
    graph.setShape(at(read), [bad.length]);
    const known = at(
      graph.operation('Any', [at(read), graph.constant([1], TF.INT32, [0])], [type('Tidx', TF.INT32)]),
    );
    // Earlier notes stay.
    const fresh = at(graph.operation('LogicalAnd', [at(graph.operation('LogicalNot', [known])), now]));
    const next = at(graph.operation('LogicalOr', [at(read), fresh]));
    const noted = graph.operation('AssignVariableOp', [flags, next], [type('dtype', TF.BOOL)]);
    return graph.toFunction(name, given, [at(graph.operation('Identity', [done], [], [noted]))]);
  } finally {
    graph.dispose();
  }
}

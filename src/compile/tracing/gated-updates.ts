import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput, Handle } from '../../engines/ops.ts';
import { FUNCTION } from '../../engines/ops.ts';
import { EngineSession } from '../state/engine-session.ts';
import type { TraceScope } from './trace-scope.ts';

const type = (name: string, value: number | number[]) => ({ name, type: ATTR.TYPE, value });
const outputOf = (oper: Handle): GraphOutput => ({ oper, index: 0 });

/**
 * Puts updates of variables into a branch that is taken only where `gate` is true. Each update adds one operation to the
 * trace's graph; what it takes from the step's graph becomes an argument of the branch.
 *
 * @returns the operation that chooses; it comes after `barrier`.
 */
export function addGated(
  trace: TraceScope,
  gate: GraphOutput,
  updates: readonly ((barrier: Handle) => Handle)[],
  barrier: Handle,
): Handle {
  const { graph } = trace;
  const name = EngineSession.of(trace.backend.engine).functionName('gated');
  const region = trace.region();
  const inside = new Map<string, GraphOutput>();
  const taken: GraphOutput[] = [];
  const given: GraphOutput[] = [];
  const place = (output: GraphOutput): GraphOutput => {
    const key = `${output.oper} ${output.index}`;
    let known = inside.get(key);
    if (known === undefined) {
      known = region.graph.placeholder(graph.dtype(output), graph.shape(output));
      inside.set(key, known);
      taken.push(output);
      given.push(known);
    }
    return known;
  };
  const add = region.graph.operation.bind(region.graph);
  const open = trace.within(region, () => {
    // The inputs of the updates lie outside: the branch as a whole waits for them.
    region.graph.operation = (kind, inputs, attributes) => add(kind, inputs.map(place), attributes);
    const done = updates.map((update) => update(barrier));
    region.graph.operation = add;
    const result = outputOf(add('Identity', [region.graph.constant([], TF.INT32, [1])], [], done));
    return region.graph.toFunction(`${name}_open`, given, [result]);
  });
  trace.addFunction(`${name}_open`, open);
  trace.addFunction(`${name}_shut`, nothing(trace, `${name}_shut`, taken));
  const chosen = graph.operation(
    'If',
    [gate, ...taken],
    [
      type('Tcond', TF.BOOL),
      type(
        'Tin',
        taken.map((output) => graph.dtype(output)),
      ),
      type('Tout', [TF.INT32]),
      { name: 'then_branch', type: FUNCTION, value: `${name}_open` },
      { name: 'else_branch', type: FUNCTION, value: `${name}_shut` },
      { name: '_lower_using_switch_merge', type: ATTR.BOOL, value: true },
    ],
    [barrier],
  );
  // A branch counts only as far as its result is used.
  return graph.operation('Identity', [outputOf(chosen)]);
}

/** A function that takes the same and does nothing. */
function nothing(trace: TraceScope, name: string, taken: readonly GraphOutput[]): Handle {
  const graph = trace.backend.engine.newGraph();
  try {
    const given = taken.map((output) =>
      graph.placeholder(trace.graph.dtype(output), trace.graph.shape(output)),
    );
    const result = outputOf(graph.operation('Identity', [graph.constant([], TF.INT32, [0])]));
    return graph.toFunction(name, given, [result]);
  } finally {
    graph.dispose();
  }
}

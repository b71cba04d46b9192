import type { Variable } from '@tensorflow/tfjs';
import { ATTR } from '../../engines/dtypes.ts';
import type { Handle } from '../../engines/ops.ts';
import type { Constrained, TraceScope } from './trace-scope.ts';
import { Untraceable } from '../../engines/untraceable.ts';

/**
 * Reads each variable after `updates`, and assigns what its constraint makes of the value.
 *
 * @param around runs code of users in which nothing may change but results.
 * @returns the operations that assign.
 * @throws Untraceable where a constraint gives another shape or dtype, which is an error of its first eager run.
 */
export function addConstraints(
  trace: TraceScope,
  all: readonly Constrained[],
  updates: readonly Handle[],
  around: <Result>(run: () => Result) => Result,
): Handle[] {
  const { graph, tf } = trace;
  // A truth without which values stay as they are.
  const { gate } = trace.updates;
  return all.map(({ variable, change }) => {
    const resource = trace.updated(variable);
    const read = {
      oper: graph.operation('ReadVariableOp', [resource], [dtypeOf(trace, variable)], [...updates]),
      index: 0,
    };
    graph.setShape(read, variable.shape);
    const symbol = trace.symbol(read);
    const changed = around(() => tf.tidy(() => change(symbol)));
    if (changed.dtype !== variable.dtype || changed.shape.join() !== variable.shape.join()) {
      throw new Untraceable(
        `a constraint makes [${changed.shape.join(', ')}] ${changed.dtype} of [${variable.shape.join(', ')}] ${variable.dtype}`,
      );
    }
    let value = trace.outputOf(changed);
    if (gate !== undefined) {
      const type = { name: 'T', type: ATTR.TYPE, value: graph.dtype(value) };
      value = { oper: graph.operation('SelectV2', [gate, value, read], [type]), index: 0 };
    }
    return graph.operation('AssignVariableOp', [resource, value], [dtypeOf(trace, variable)]);
  });
}

const dtypeOf = (trace: TraceScope, variable: Variable) => ({
  name: 'dtype',
  type: ATTR.TYPE,
  value: trace.dtypeOf(variable),
});

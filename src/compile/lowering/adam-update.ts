import type { Engine } from '../../engines/engine.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import type { Capture } from '../tracing/captures.ts';
import { zeros } from './graph-loop.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';
import { VariableResource } from '../state/variable-resources.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/**
 * Sizes for which TensorFlow's plain Adam is slow on CPUs. It takes the work of the whole variable for that of each
 * of its parts (ApplyAdamNonCuda in tensorflow/core/kernels/training_ops.cc), so that a variable of a few hundred numbers
 * is cut up among all threads, for 20 to 80 µs; below these sizes it is not, above them that pays.
 */
const SMALLEST = 256;
const LARGEST = 65_536;

/**
 * The op that updates one variable with Adam, and its inputs in addition to variable and moments.
 *
 * For variables of middle size that is the op for AMSGrad, whose work is estimated as it should be: it divides by the largest
 * second moment that it has seen, and where that begins with zeros in each step the largest is the new one.
 */
export function adamUpdate(
  trace: TraceScope,
  shape: readonly number[],
): { name: string; scratch: GraphOutput[] } {
  const size = elementCount(shape);
  const { engine } = trace.backend;
  if (size < SMALLEST || size > LARGEST || engine.onGpu) {
    return { name: 'ResourceApplyAdam', scratch: [] };
  }
  // XLA fuses the plain one, and does not know the other.
  trace.differsForXla = true;
  if (trace.forXla) return { name: 'ResourceApplyAdam', scratch: [] };
  const { graph } = trace;
  const largest = trace.addInput(largestMoments(engine, shape), TF.RESOURCE, undefined);
  const reset = graph.operation(
    'AssignVariableOp',
    [largest, zeros(graph, shape, TF.FLOAT)],
    [{ name: 'dtype', type: ATTR.TYPE, value: TF.FLOAT }],
  );
  trace.updates.need(reset);
  return { name: 'ResourceApplyAdamWithAmsgrad', scratch: [largest] };
}

/** A resource for the largest second moments of a variable, as an input of a step. */
export function largestMoments(engine: Engine, shape: readonly number[]): Capture {
  const resource = new VariableResource(engine, TF.FLOAT, [...shape]);
  const handle = engine.share(resource.open());
  resource.close();
  return { kind: 'constant', handle, dtype: TF.RESOURCE, shape: [], scratch: { largestOf: [...shape] } };
}

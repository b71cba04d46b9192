import { tfInternals, type Tf } from '../../tfjs/instance.ts';
import { activeTrace } from '../tracing/active-trace.ts';

/**
 * Lets constraints of weights follow TensorFlow's own optimizer ops: these update the variable itself, so its new value
 * is read in the graph after them. Eagerly nothing changes.
 */
export function installConstraints(tf: Tf): void {
  tfInternals(tf).constraining.later = (variable, change) =>
    activeTrace()?.constrainLater({ variable, change }) ?? false;
}

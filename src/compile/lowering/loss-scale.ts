import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { ATTR } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import { engineOf } from '../../tfjs/engine.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { replaceMethod } from '../../tfjs/replace-method.ts';
import { activeTrace } from '../tracing/active-trace.ts';
import type { ScaledLoss, TraceScope } from '../tracing/trace-scope.ts';

/** As Keras' LossScaleOptimizer begins, and how long it waits before it tries twice as much. */
const INITIAL = 2 ** 15;
const GROWTH_STEPS = 2000;

let names = 0;

/**
 * Dynamic loss scaling, as in Keras (https://keras.io/api/optimizers/loss_scale_optimizer/): float16 has no numbers below
 * 6e-8, where many gradients lie. The loss is multiplied by a factor before its gradients are taken, and they are divided by
 * it afterwards, in float32. A step whose gradients are not finite changes no weight and halves the factor; after 2,000
 * good steps in a row the factor is doubled. Both numbers are variables, so that each step of many in one call sees them.
 */
export class LossScale implements ScaledLoss {
  readonly scale: Variable;
  readonly goodSteps: Variable;
  readonly #tf: Tf;
  /** For each gradient that was taken in a trace, whether it is finite. */
  readonly #finite = new WeakMap<TraceScope, GraphOutput[]>();

  constructor(tf: Tf) {
    this.#tf = tf;
    const name = `lossScale${names++}`;
    const variable = (value: number, part: string) => {
      const initial = tf.scalar(value);
      const made = tf.variable(initial, false, part);
      initial.dispose();
      return made;
    };
    this.scale = variable(INITIAL, name);
    this.goodSteps = variable(0, `${name}/goodSteps`);
  }

  /** Notes for a gradient that was taken in a trace whether it is finite. */
  note(trace: TraceScope, finite: GraphOutput): void {
    this.#finite.set(trace, [...(this.#finite.get(trace) ?? []), finite]);
  }

  /**
   * At the end of a trace: opens its gate only where all gradients are finite, and decides how the factor goes on. Nothing
   * to do where no gradient was taken.
   */
  finish(trace: TraceScope): void {
    const tf = this.#tf;
    const finites = this.#finite.get(trace);
    if (finites === undefined) return;
    const { scale, goodSteps } = this;
    const finite = finites.map((output) => trace.symbol(output)).reduce((a, b) => tf.logicalAnd(a, b));
    const good = tf.add(goodSteps, 1);
    const grow = tf.greaterEqual(good, GROWTH_STEPS);
    const next = tf.where(finite, tf.where(grow, tf.mul(scale, 2), scale), tf.maximum(tf.div(scale, 2), 1));
    const count = tf.where(tf.logicalAnd(finite, tf.logicalNot(grow)), good, tf.zerosLike(good));
    trace.updates.gate = trace.outputOf(finite);
    for (const [variable, tensor] of [
      [scale, next],
      [goodSteps, count],
    ] as const) {
      const value: GraphOutput = trace.outputOf(tensor);
      const resource = trace.updated(variable);
      trace.updates.add(
        [value],
        (barrier) =>
          trace.graph.operation(
            'AssignVariableOp',
            [resource, value],
            [{ name: 'dtype', type: ATTR.TYPE, value: trace.graph.dtype(value) }],
            [barrier],
          ),
        'always',
      );
    }
  }

  dispose(): void {
    this.scale.dispose();
    this.goodSteps.dispose();
  }
}

interface VariableGradients {
  value: Scalar;
  grads: Record<string, Tensor>;
}

/**
 * Lets optimizers, and `tf.variableGrads`, scale the loss in traces that request it. Eagerly nothing changes, and neither
 * does it for gradients within gradients.
 */
export function installLossScaling(tf: Tf): void {
  const { state } = engineOf(tf);
  const scaling = (take: (f: () => Scalar) => VariableGradients, f: () => Scalar): VariableGradients => {
    const trace = activeTrace();
    if (trace?.lossScale === undefined || state.gradientDepth > 0) return take(f);
    return scaled(tf, trace, trace.lossScale, take, f);
  };
  const prototype: object = Object.getPrototypeOf(tf.SGDOptimizer.prototype);
  for (const [owner, name] of [
    [prototype, 'computeGradients'],
    [tf, 'variableGrads'],
  ] as const) {
    replaceMethod(
      owner,
      name,
      (compute) =>
        function computeScaled(f, variables) {
          return scaling((loss) => compute.call(this, loss, variables), f);
        },
    );
  }
}

function scaled(
  tf: Tf,
  trace: TraceScope,
  lossScale: ScaledLoss,
  take: (f: () => Scalar) => VariableGradients,
  f: () => Scalar,
): VariableGradients {
  let loss: Scalar | undefined;
  const taken = take(() => {
    loss = tf.keep(f());
    return tf.mul(loss, lossScale.scale);
  });
  const grads = Object.fromEntries(
    Object.entries(taken.grads).map(([name, gradient]) => [
      name,
      gradient === null ? gradient : tf.div(gradient, lossScale.scale),
    ]),
  );
  const finite = Object.values(grads)
    .flatMap((gradient: Tensor | null) => (gradient === null ? [] : tf.all(tf.isFinite(gradient))))
    .reduce((a, b) => tf.logicalAnd(a, b), tf.scalar(true, 'bool') as Tensor);
  lossScale.note(trace, trace.outputOf(finite));
  return { value: loss as Scalar, grads };
}

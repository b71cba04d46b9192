import type { Variable } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import { engineOf } from '../../tfjs/engine.ts';
import type { Tf } from '../../tfjs/instance.ts';
import type { Gradients, OptimizerSlot, TfOptimizer } from '../../tfjs/optimizer-view.ts';
import { replaceMethod } from '../../tfjs/replace-method.ts';
import { activeTrace } from '../tracing/active-trace.ts';
import { adamUpdate } from './adam-update.ts';
import { sourceOf } from '../tracing/captures.ts';
import { identityOf } from '../guards/signature.ts';
import { makeSlots } from './optimizer-slots.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';
import { Untraceable } from '../../engines/untraceable.ts';

const T = { name: 'T', type: ATTR.TYPE, value: TF.FLOAT };
const exclusive = { name: 'use_locking', type: ATTR.BOOL, value: false };

/** Small expressions in a graph of float32. */
function arithmetic(trace: TraceScope) {
  const { graph } = trace;
  const op = (name: string, ...inputs: GraphOutput[]): GraphOutput => ({
    oper: graph.operation(name, inputs, [T]),
    index: 0,
  });
  return {
    op,
    one: () => graph.constant([], TF.FLOAT, [1]),
    number: (value: number) => graph.constant([], TF.FLOAT, [value]),
  };
}

/** Hangs one of TensorFlow's update ops behind everything else. */
function update(
  trace: TraceScope,
  name: string,
  resources: GraphOutput[],
  values: GraphOutput[],
  attributes: { name: string; type: number; value: unknown }[] = [],
): void {
  trace.updates.add(values, (barrier) =>
    trace.graph.operation(name, [...resources, ...values], [T, exclusive, ...attributes], [barrier]),
  );
}

interface Step {
  variable: Variable;
  gradient: GraphOutput;
  index: number;
}

/**
 * One optimizer's step on TensorFlow's own op, which updates variable and slots in place. Each computes what tfjs's
 * `applyGradients` computes; returns false where the op would compute something else.
 */
type FusedStep = (trace: TraceScope, optimizer: TfOptimizer, steps: Step[]) => boolean;

const adam: FusedStep = (trace, optimizer, steps) => {
  const { accumulatedFirstMoment: first, accumulatedSecondMoment: second } = optimizer;
  if (steps.some(({ index }) => first[index] === undefined || second[index] === undefined)) return false;
  const { op, one, number } = arithmetic(trace);
  const rate = trace.number(optimizer, (from) => from.learningRate);
  const beta1 = number(optimizer.beta1);
  const beta2 = number(optimizer.beta2);
  const power1 = trace.outputOf(optimizer.accBeta1);
  const power2 = trace.outputOf(optimizer.accBeta2);
  // tfjs adds epsilon to the root of the bias-corrected moment, TensorFlow to that of the moment itself: the same when
  // epsilon is scaled by the correction.
  const epsilon = op('Mul', number(optimizer.epsilon), op('Sqrt', op('Sub', one(), power2)));
  for (const { variable, gradient, index } of steps) {
    const slots = [
      variable,
      (first[index] as OptimizerSlot).variable,
      (second[index] as OptimizerSlot).variable,
    ];
    const op = adamUpdate(trace, variable.shape);
    update(
      trace,
      op.name,
      [...slots.map((slot) => trace.updated(slot)), ...op.scratch],
      [power1, power2, rate, beta1, beta2, epsilon, gradient],
    );
    for (const slot of slots) trace.markFused(slot);
  }
  optimizer.accBeta1.assign(trace.symbol(op('Mul', power1, beta1)));
  optimizer.accBeta2.assign(trace.symbol(op('Mul', power2, beta2)));
  trace.guard('the optimizer was changed', optimizer, (from) =>
    [from.beta1, from.beta2, from.epsilon, slotsKey(from)].join(),
  );
  return true;
};

const sgd: FusedStep = (trace, optimizer, steps) => {
  const { op } = arithmetic(trace);
  const rate = op(
    'Neg',
    trace.tensor(optimizer, (from) => from.c),
  );
  for (const { variable, gradient } of steps) {
    update(trace, 'ResourceApplyGradientDescent', [trace.updated(variable)], [rate, gradient]);
    trace.markFused(variable);
  }
  return true;
};

const momentum: FusedStep = (trace, optimizer, steps) => {
  if (steps.some(({ index }) => optimizer.accumulations[index] === undefined)) return false;
  const { op } = arithmetic(trace);
  const rate = op(
    'Neg',
    trace.tensor(optimizer, (from) => from.c),
  );
  const inertia = trace.tensor(optimizer, (from) => from.m);
  for (const { variable, gradient, index } of steps) {
    const slots = [variable, (optimizer.accumulations[index] as OptimizerSlot).variable];
    trace.updates.add([rate, gradient, inertia], (barrier) =>
      trace.graph.operation(
        'ResourceApplyMomentum',
        [...slots.map((slot) => trace.updated(slot)), rate, gradient, inertia],
        [T, exclusive, { name: 'use_nesterov', type: ATTR.BOOL, value: optimizer.useNesterov }],
        [barrier],
      ),
    );
    for (const slot of slots) {
      trace.updated(slot);
      trace.markFused(slot);
    }
  }
  trace.guard('the optimizer was changed', optimizer, (from) => `${from.useNesterov} ${slotsKey(from)}`);
  return true;
};

const rmsprop: FusedStep = (trace, optimizer, steps) => {
  // The centred form adds epsilon elsewhere than TensorFlow does.
  if (optimizer.centered) return false;
  const { accumulatedMeanSquares: squares, accumulatedMoments: moments } = optimizer;
  if (steps.some(({ index }) => squares[index] === undefined || moments[index] === undefined)) return false;
  const { number } = arithmetic(trace);
  const rate = trace.number(optimizer, (from) => from.learningRate);
  const numbers = [optimizer.decay, optimizer.momentum, optimizer.epsilon].map(number);
  for (const { variable, gradient, index } of steps) {
    const slots = [
      variable,
      (squares[index] as OptimizerSlot).variable,
      (moments[index] as OptimizerSlot).variable,
    ];
    update(
      trace,
      'ResourceApplyRMSProp',
      slots.map((slot) => trace.updated(slot)),
      [rate, ...numbers, gradient],
    );
    for (const slot of slots) trace.markFused(slot);
  }
  trace.guard('the optimizer was changed', optimizer, (from) =>
    [from.decay, from.momentum, from.epsilon, from.centered, slotsKey(from)].join(),
  );
  return true;
};

/** JavaScript numbers and switches of an optimizer: a graph of its composed form holds them as constants. */
function settings(optimizer: object): string {
  const numbers = Object.entries(optimizer)
    .filter(
      ([name, value]) => name !== 'iterations_' && (typeof value === 'number' || typeof value === 'boolean'),
    )
    .map(([name, value]) => `${name}=${String(value)}`)
    .join();
  return `${numbers} ${slotsKey(optimizer)}`;
}

/** Which lists of slots an optimizer has: `setWeights` makes new ones, of new variables. */
function slotsKey(optimizer: object): string {
  let key = '';
  for (const value of Object.values(optimizer) as unknown[]) {
    if (Array.isArray(value)) key += `${identityOf(value)} `;
  }
  return key;
}

/** Gives tfjs's optimizers a second way to apply gradients, for traces. Eagerly nothing changes. */
export function installOptimizers(tf: Tf): void {
  const constructors = [
    [tf.AdamOptimizer, adam],
    [tf.SGDOptimizer, sgd],
    [tf.MomentumOptimizer, momentum],
    [tf.RMSPropOptimizer, rmsprop],
    [tf.AdagradOptimizer, undefined],
    [tf.AdadeltaOptimizer, undefined],
    [tf.AdamaxOptimizer, undefined],
  ] as const;
  countRuns(Object.getPrototypeOf(tf.SGDOptimizer.prototype) as Counted);
  for (const [constructor, fused] of constructors) {
    replaceMethod(
      constructor.prototype,
      'applyGradients',
      (original) =>
        function applyGradients(gradients) {
          const trace = activeTrace();
          if (trace === undefined) {
            original.call(this, gradients);
            return;
          }
          const trained = namedVariables(tf, gradients);
          trace.trained.push({ optimizer: this, variables: trained.map(([, variable]) => variable) });
          makeSlots(tf, (value) => trace.beforehand(value), this, trained);
          // A class of the user's that extends this one, and calls it with other gradients, gets the same.
          if (trace.fused && fused?.(trace, this, stepsOf(tf, trace, gradients))) {
            this.incrementIterations();
            return;
          }
          trace.guard('the optimizer was changed', this, settings);
          original.call(this, gradients);
        },
    );
  }
}

interface Counted {
  iterations: number;
  incrementIterations(): void;
}

/** In a trace, optimizers count the runs of the graph, and their number cannot be read. */
function countRuns(prototype: Counted): void {
  const increment: Counted['incrementIterations'] = Reflect.get(prototype, 'incrementIterations');
  prototype.incrementIterations = function incrementIterations(this: Counted): void {
    const trace = activeTrace();
    if (trace === undefined) {
      increment.call(this);
      return;
    }
    trace.afterRun.push({
      source: sourceOf(this, (from) => {
        from.incrementIterations();
      }),
    });
  };
  const property: { get?: unknown } = Object.getOwnPropertyDescriptor(prototype, 'iterations') ?? {};
  const { get } = property;
  if (typeof get !== 'function') return;
  Object.defineProperty(prototype, 'iterations', {
    ...(property as PropertyDescriptor),
    get(this: Counted): number {
      if (activeTrace() !== undefined) throw new Untraceable("the number of the optimizer's steps is read");
      return Reflect.apply(get, this, []) as number;
    },
  });
}

/** The variables of gradients, by name and in their order. */
function namedVariables(tf: Tf, gradients: Gradients): (readonly [string, Variable])[] {
  const names = Array.isArray(gradients) ? gradients.map(({ name }) => name) : Object.keys(gradients);
  const registered = registeredVariables(tf);
  return names.map((name) => [name, registered[name] as Variable] as const);
}

function registeredVariables(tf: Tf): Record<string, Variable> {
  return engineOf(tf).state.registeredVariables;
}

function stepsOf(tf: Tf, trace: TraceScope, gradients: Gradients): Step[] {
  const registered = registeredVariables(tf);
  const named = Array.isArray(gradients)
    ? gradients.map(({ name, tensor }) => [name, tensor] as const)
    : Object.entries(gradients);
  return named.flatMap(([name, gradient], index) =>
    gradient === null || gradient === undefined
      ? []
      : [{ variable: registered[name] as Variable, gradient: trace.outputOf(gradient), index }],
  );
}

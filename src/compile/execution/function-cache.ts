import { asError } from '../../engines/errors.ts';
import { engineOf } from '../../tfjs/engine.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { randomCounter } from '../tracing/random-counter.ts';
import { ConcreteFunction } from './concrete-function.ts';
import type { FiniteWatch } from '../lowering/finite-watch.ts';
import type { LossScale } from '../lowering/loss-scale.ts';
import type { ModelForm } from './model-form.ts';
import type { CellNames } from '../guards/cell-names.ts';
import type { UserCodeSteps } from '../guards/user-code-steps.ts';
import type { Precision } from '../lowering/precision.ts';
import { flatten, type Structure } from '../guards/signature.ts';
import { fingerprintOf } from '../tracing/trace-fingerprint.ts';
import { Trace } from '../tracing/trace.ts';
import { TracedForms, type FormStep } from './traced-forms.ts';
import { Untraceable } from '../../engines/untraceable.ts';
import { userLine } from '../guards/user-lines.ts';
import { runByXla } from './call-autotuner.ts';

interface Entry {
  /** Eager runs so far: a trace comes after the first, which may create variables. */
  runs: number;
  step: ConcreteFunction | undefined;
  result: Structure | undefined;
  /** Why this one stays eager. */
  refused: string | undefined;
  traces: number;
  /** The state of the user's code that this one is for. */
  state: string;
  /** Whether an eager run showed that the user's code does nothing but compute. */
  clean: boolean;
  /** Milliseconds that eager runs took. */
  spent: number;
}

/** A function with the kinds of its arguments. */
interface Call<Args extends unknown[]> {
  key: string;
  specs: readonly { dtype: number; shape: number[] }[];
  unflatten: Structure<Args>['unflatten'];
  run: (...all: Args) => unknown;
}

/** Graphs of one function, one for each combination of its arguments' shapes, dtypes and JavaScript values. */
export class FunctionCache {
  readonly #tf: Tf;
  readonly #backend: NodeBackend;
  readonly #what: string;
  readonly #kind: string;
  readonly #limit: number;
  readonly #notify: (line: string) => void;
  readonly #precision: Precision;
  readonly #watch: (() => FiniteWatch) | undefined;
  readonly #lossScale: LossScale | undefined;
  readonly #userCode: UserCodeSteps | undefined;
  readonly #form: (() => ModelForm | undefined) | undefined;
  #xla: boolean;
  readonly #atOnce: boolean;
  readonly #entries = new Map<string, Entry>();
  #traces = 0;
  #reused = 0;
  /** The graph that ran last; undefined when the last call ran eagerly. */
  #latest: ConcreteFunction | undefined;
  readonly #names: CellNames | undefined;
  #said = false;

  constructor(
    tf: Tf,
    backend: NodeBackend,
    options: {
      what: string;
      /** Which of a model's functions it is. */
      kind?: 'train' | 'test' | 'predict';
      limit?: number;
      precision?: Precision;
      /** Makes the watch of each graph's first result, a loss. */
      watch?: () => FiniteWatch;
      lossScale?: LossScale | undefined;
      /** Guards and checks the user's code in the function. */
      userCode?: UserCodeSteps | undefined;
      /** The form of the model that the function belongs to, without code of users. */
      form?: (() => ModelForm | undefined) | undefined;
      /** The names of the session that the function reads. */
      names?: CellNames;
      /** Whether XLA may compile single calls. */
      xla?: boolean;
      /** Whether the first call is traced, without an eager call before it. Not with code of users. */
      atOnce?: boolean;
      notify: (line: string) => void;
    },
  ) {
    this.#tf = tf;
    this.#backend = backend;
    this.#what = options.what;
    this.#kind = options.kind ?? '';
    this.#limit = options.limit ?? 32;
    this.#precision = options.precision ?? 'float32';
    this.#watch = options.watch;
    this.#lossScale = options.lossScale;
    this.#userCode = options.userCode;
    this.#form = options.userCode === undefined && options.lossScale === undefined ? options.form : undefined;
    this.#names = options.names;
    this.#xla = options.xla ?? false;
    this.#atOnce = options.atOnce ?? false;
    this.#notify = options.notify;
  }

  /** The graphs that are in use. */
  steps(): ConcreteFunction[] {
    return [...this.#entries.values()].flatMap(({ step }) => step ?? []);
  }

  /** The graph that ran the last call; undefined when that call ran eagerly. */
  get latest(): ConcreteFunction | undefined {
    return this.#latest;
  }

  get traces(): number {
    return this.#traces;
  }

  /** How many graphs come from the trace of another model of the same form. */
  get reused(): number {
    return this.#reused;
  }

  /** Calls `body` with the arguments, compiled when it was called like this before. */
  call<Args extends unknown[], Result>(args: Args, run: (...args: Args) => Result): Result {
    this.#latest = undefined;
    if (this.#blocked()) return run(...args);
    const state = this.#userCode === undefined ? '' : this.#userCode.state();
    if (state === undefined) return run(...args);
    const taken = flatten(this.#tf, args);
    // A graph belongs to the device that its variables are on.
    const names = this.#names === undefined ? '' : ` ${this.#names.key()}`;
    const entry = this.#entry(`${this.#backend.engine.device ?? ''} ${taken.key}${names}`, state);
    if (entry.refused !== undefined) return run(...args);
    const first = entry.runs++ === 0;
    if (
      (first && (this.#userCode !== undefined || !this.#atOnce)) ||
      (entry.step === undefined && this.#userCode?.isRipe(entry) === false)
    ) {
      return this.#userCode === undefined
        ? run(...args)
        : this.#userCode.runEagerly(entry, () => run(...args));
    }
    if (entry.step?.failedGuard() !== undefined) {
      entry.step.dispose();
      entry.step = undefined;
    }
    const began = entry.step === undefined ? performance.now() : undefined;
    if (entry.step === undefined) this.#trace(entry, taken, run);
    if (entry.step === undefined || entry.result === undefined) return run(...args);
    this.#latest = entry.step;
    this.#userCode?.settled();
    const results = this.#xla ? runByXla(entry.step, taken.tensors) : entry.step.run(taken.tensors);
    // A function without a result has an additional output, which waits for its updates.
    for (const extra of results.slice(entry.result.tensors.length)) extra.dispose();
    // The first run has TensorFlow optimize the graph.
    if (began !== undefined) this.#userCode?.took(performance.now() - began);
    return entry.result.unflatten(results) as Result;
  }

  /** Whether a graph of this cache is there, and right as JavaScript and the device are now. */
  serves(step: ConcreteFunction): boolean {
    if (this.#blocked() || step.failedGuard() !== undefined) return false;
    const state = this.#userCode === undefined ? '' : this.#userCode.state();
    const device = this.#backend.engine.device ?? '';
    return [...this.#entries].some(
      ([key, entry]) => entry.step === step && entry.state === state && key.startsWith(`${device} `),
    );
  }

  /** Runs `action`, in which calls are few of many: XLA does not compile them. */
  withoutXla<T>(action: () => T): T {
    const before = this.#xla;
    this.#xla = false;
    try {
      return action();
    } finally {
      this.#xla = before;
    }
  }

  /** Within another trace the function is part of that; under a gradient or a debugging mode ops must be seen. */
  #blocked(): boolean {
    if (this.#backend.engine.recorder !== undefined) return true;
    const { state } = engineOf(this.#tf);
    if (state.gradientDepth > 0 || state.profiling) return true;
    return this.#tf.getBackend() !== 'tensorflow' || this.#tf.env().getBool('DEBUG');
  }

  #entry(arguments_: string, state: string): Entry {
    const key = `${arguments_} ${state}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= this.#limit) {
        const [oldest, dropped] = this.#entries.entries().next().value as [string, Entry];
        dropped.step?.dispose();
        this.#entries.delete(oldest);
      }
      entry = {
        runs: 0,
        step: undefined,
        result: undefined,
        refused: undefined,
        traces: 0,
        state,
        clean: false,
        spent: 0,
      };
    } else {
      this.#entries.delete(key);
    }
    // The one used last stands last.
    this.#entries.set(key, entry);
    return entry;
  }

  #trace<Args extends unknown[]>(entry: Entry, taken: Structure<Args>, run: (...all: Args) => unknown): void {
    // The arguments' own tensors are not kept for XLA.
    const call: Call<Args> = {
      key: taken.key,
      specs: taken.tensors.map((tensor) => ({
        dtype: this.#backend.tensorMap.get(tensor.dataId).dtype,
        shape: tensor.shape,
      })),
      unflatten: taken.unflatten.bind(taken),
      run,
    };
    try {
      const { step, result, differsForXla } = this.#make(entry, call, false);
      entry.step = step;
      entry.result = result;
      if (differsForXla) step.retraceForXla = () => this.#make(entry, call, true).step;
    } catch (error) {
      // Its first run makes variables: it runs eagerly, and is traced after that.
      if (entry.runs === 1 && error instanceof Untraceable && error.makesVariables) return;
      this.#refuse(entry, asError(error));
    }
  }

  /** Takes the trace of another model of the same form, or traces the function. @throws Untraceable */
  #make<Args extends unknown[]>(entry: Entry, call: Call<Args>, forXla: boolean): FormStep {
    const forms = TracedForms.of(this.#backend.engine);
    const before = this.#form?.();
    const key = before === undefined ? '' : this.#formKey(before, call.key, forXla);
    if (before !== undefined) {
      const taken = forms.take(key, {
        tf: this.#tf,
        backend: this.#backend,
        before,
        formNow: () => this.#form?.(),
        watch: this.#watch,
      });
      if (taken !== undefined) {
        if (!forXla) this.#reused++;
        return taken;
      }
    }
    if (!forXla) this.#countTrace(entry);
    const { trace, ...made } = this.#record(entry, call, forXla);
    const after = before === undefined || trace === undefined ? undefined : this.#form?.();
    if (before !== undefined && after !== undefined && trace !== undefined)
      forms.keep(key, before, after, trace, made);
    return made;
  }

  /** The key of a trace: everything that it depends on besides the model's weights. */
  #formKey(form: ModelForm, arguments_: string, forXla: boolean): string {
    const settings = Object.entries(process.env).filter(([name]) => name.startsWith('TENSORCELL_'));
    const device = this.#backend.engine.device ?? '';
    return JSON.stringify([this.#kind, forXla, form.digest, arguments_, device, this.#precision, settings]);
  }

  #countTrace(entry: Entry): void {
    this.#traces++;
    entry.traces++;
    if (this.#traces === this.#limit) {
      this.#notify(
        `${this.#what} was traced ${this.#traces} times: each new shape, and each new number or object among its ` +
          'arguments, costs a trace. Pass numbers that change as tensors.',
      );
    }
  }

  /**
   * Traces the function for arguments of these kinds.
   *
   * @returns the step, and the trace where another model of the same form would have the same one. @throws Untraceable
   */
  #record<Args extends unknown[]>(
    entry: Entry,
    { specs, unflatten, run }: Call<Args>,
    forXla: boolean,
  ): FormStep & { trace: Trace | undefined } {
    const options = { fused: true, loops: true, forXla };
    let first: string | undefined;
    for (;;) {
      const watch = this.#watch?.();
      const trace = new Trace(this.#tf, this.#backend, {
        ...options,
        watch,
        lossScale: this.#lossScale,
        compared: this.#userCode !== undefined,
      });
      try {
        const recorded: { result?: Structure } = {};
        const inputs = specs.map(({ dtype, shape }, index) =>
          trace.addInput({ kind: 'argument', index, dtype, shape }, dtype, shape),
        );
        const userCode = this.#userCode;
        const around = <Out>(run: () => Out): Out =>
          userCode === undefined ? run() : userCode.unmoved(entry, run);
        const outputs = trace.record(() => {
          const symbols = inputs.map((input) => trace.symbol(input));
          const body = () => run(...unflatten(symbols));
          const made = around(body);
          refusePromise(made);
          recorded.result = flatten(this.#tf, made);
          return recorded.result.tensors;
        }, around);
        if (this.#userCode !== undefined) {
          // A value that differs from one run to the next is not a constant.
          const fingerprint = fingerprintOf(trace);
          if (first === undefined) {
            first = fingerprint;
            trace.dispose(false);
            watch?.dispose();
            continue;
          }
          if (fingerprint !== first) throw new Untraceable('it computes something else each time');
        }
        const { result } = recorded;
        if (result === undefined) throw new Untraceable('it gave no result');
        const step = ConcreteFunction.ofTrace(trace, outputs, this.#precision, watch);
        if (trace.randomOps > 0)
          trace.afterRun.push({
            run: () => {
              randomCounter.advance(trace.randomOps);
            },
          });
        // A trace that had to do without something holds numbers that are inputs otherwise.
        const usual = options.fused && options.loops;
        return {
          step,
          result,
          differsForXla: trace.differsForXla,
          trace: usual ? trace : undefined,
        };
      } catch (error) {
        trace.dispose(false);
        watch?.dispose();
        const retry = error instanceof Untraceable ? error.retry : undefined;
        if (retry === undefined || !options[retry]) throw error;
        options[retry] = false;
        first = undefined;
      }
    }
  }

  #refuse(entry: Entry, error: Error): void {
    entry.refused = error.message;
    if (this.#said) return;
    this.#said = true;
    const line = userLine(error.stack);
    this.#notify(
      `${this.#what} runs eagerly: ${error.message}${line === undefined ? '' : ` (${line})`}. ` +
        'Results are the same, only slower.',
    );
  }

  dispose(): void {
    this.#latest = undefined;
    for (const { step } of this.#entries.values()) step?.dispose();
    this.#entries.clear();
  }
}

/** @throws Untraceable for a promise: what it waits for would happen after the trace. */
function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return;
  // It fails, since its tensors have no values.
  result.catch(() => undefined);
  throw new Untraceable('it returns a promise');
}

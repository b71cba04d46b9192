import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs';
import type { Engine } from '../../engines/engine.ts';
import { tensorBytes } from '../../engines/dtypes.ts';
import type { Handle } from '../../engines/ops.ts';
import { randomCounter } from '../tracing/random-counter.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { largestMoments } from '../lowering/adam-update.ts';
import { EngineSession } from '../state/engine-session.ts';
import { ConcreteFunction } from './concrete-function.ts';
import type { FiniteWatch, NotFinite } from '../lowering/finite-watch.ts';
import {
  currentOf,
  guardOf,
  type AfterRun,
  type Capture,
  type Guard,
  type Source,
} from '../tracing/captures.ts';
import { layerOfScope, layerScope, withLayersRenamed } from '../../engines/scope-names.ts';
import type { ModelForm } from './model-form.ts';
import { makeSlots } from '../lowering/optimizer-slots.ts';
import type { Precision } from '../lowering/precision.ts';
import { SharedFunctions } from './shared-functions.ts';
import type { Structure } from '../guards/signature.ts';
import type { Trace } from '../tracing/trace.ts';
import type { TracedLines } from '../tracing/traced-lines.ts';
import { resourceOf } from '../state/variable-resources.ts';

/** A source whose object is given by its place in a model's form. */
interface Place<T> {
  part: number;
  readonly read: (owner: object) => T;
}

type RecordedInput =
  | { kind: 'as it is'; input: Capture }
  | { kind: 'resource'; part: number; updated: boolean }
  | { kind: 'tensor'; place: Place<Tensor>; dtype: number; shape: readonly number[] }
  | { kind: 'number'; place: Place<number>; dtype: number }
  | { kind: 'flags' }
  | { kind: 'largest'; shape: number[] }
  /** A tensor that the trace made; the handle belongs to the record. */
  | { kind: 'constant'; handle: Handle; dtype: number; shape: readonly number[] };

/** A trace without the model that it was made with: all that is of the model is a place in its form. */
interface Recorded {
  /** The key of the function in the shared functions. */
  content: string;
  precision: Precision;
  scopes: readonly string[];
  /** The form after the trace, which has made the optimizer's state. */
  after: string;
  /** By the places before the trace. */
  trained: { optimizer: number; variables: number[] }[];
  inputs: RecordedInput[];
  guards: { what: string; place: Place<string> }[];
  afterRun: Place<void>[];
  /** Layers by name. */
  layers: ReadonlyMap<string, number>;
  checks: readonly NotFinite[] | undefined;
  lines: TracedLines;
  result: Structure;
  differsForXla: boolean;
}

/** A step with how its results are handed on. */
export interface FormStep {
  step: ConcreteFunction;
  result: Structure;
  differsForXla: boolean;
}

const MOST = 64;

/** Bytes of tensors that a trace may have made, such as a table of positions: larger ones are made again. */
const MOST_BYTES = 4_000_000;

function free(engine: Engine, { inputs }: Recorded): void {
  for (const input of inputs) if (input.kind === 'constant') engine.free(input.handle);
}

/**
 * Traces by the form of their model. A model of a form that was traced before takes the graph with its own weights, numbers
 * and layers in the places of the other model's, and is not traced.
 */
export class TracedForms {
  readonly #engine: Engine;
  readonly #byKey = new Map<string, Recorded>();

  static of(engine: Engine): TracedForms {
    return EngineSession.of(engine).part(TracedForms, () => new TracedForms(engine));
  }

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  #forget(key: string): void {
    const recorded = this.#byKey.get(key);
    if (recorded === undefined) return;
    this.#byKey.delete(key);
    free(this.#engine, recorded);
  }

  /** Keeps a trace, except one that holds for no other model. */
  keep(key: string, before: ModelForm, after: ModelForm, trace: Trace, made: FormStep): void {
    const recorded = record(before, after, trace, made);
    if (recorded === undefined) return;
    this.#forget(key);
    this.#byKey.set(key, recorded);
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size <= MOST) break;
      this.#forget(oldest);
    }
  }

  /**
   * The step of a model of a form that was traced.
   *
   * @param formNow gives the form again, once the optimizer's state is made.
   * @returns undefined where there is none, or TensorFlow has forgotten its function: trace it.
   */
  take(
    key: string,
    model: {
      tf: Tf;
      backend: NodeBackend;
      before: ModelForm;
      formNow: () => ModelForm | undefined;
      watch: (() => FiniteWatch) | undefined;
    },
  ): FormStep | undefined {
    const recorded = this.#byKey.get(key);
    if (recorded === undefined) return undefined;
    const { tf, backend, before } = model;
    for (const { optimizer, variables } of recorded.trained) {
      const trained = variables.map((part) => before.parts[part] as Variable);
      makeSlots(
        tf,
        (value) => variableOf(tf, value),
        before.parts[optimizer] as Optimizer,
        trained.map((variable) => [variable.name, variable] as const),
      );
    }
    const after = model.formNow();
    if (after?.digest !== recorded.after) return undefined;
    const shared = SharedFunctions.of(backend.engine).retainKnown(recorded.content);
    if (shared === undefined) {
      this.#forget(key);
      return undefined;
    }
    this.#byKey.delete(key);
    this.#byKey.set(key, recorded);
    const watch = recorded.checks === undefined ? undefined : model.watch?.();
    const step = bind(tf, backend, recorded, after.parts, shared, watch);
    return { step, result: recorded.result, differsForXla: recorded.differsForXla };
  }
}

function variableOf(tf: Tf, value: () => Tensor): Variable {
  const initial = value();
  const variable = tf.variable(initial, false);
  initial.dispose();
  return variable;
}

function record(
  before: ModelForm,
  after: ModelForm,
  trace: Trace,
  { step, result, differsForXla }: FormStep,
): Recorded | undefined {
  // Something of the result is an object of the model.
  if (result.key.includes('#')) return undefined;
  const places = new Map(after.parts.map((part, i) => [part, i]));
  const earlier = new Map(before.parts.map((part, i) => [part, i]));
  let complete = true;
  let bytes = 0;
  const placeIn = (all: ReadonlyMap<object, number>, object: object | undefined): number => {
    const part = object === undefined ? undefined : all.get(object);
    if (part === undefined) complete = false;
    return part ?? 0;
  };
  const place = <T>({ owner, read }: Source<T>): Place<T> => ({ part: placeIn(places, owner.deref()), read });
  const inputs = step.inputs.map((input): RecordedInput => {
    switch (input.kind) {
      case 'resource':
        return { kind: 'resource', part: placeIn(places, input.variable.deref()), updated: input.updated };
      case 'tensor':
        if (input.source === undefined) complete = false;
        else return { kind: 'tensor', place: place(input.source), dtype: input.dtype, shape: input.shape };
        break;
      case 'number':
        if (input.source !== undefined)
          return { kind: 'number', place: place(input.source), dtype: input.dtype };
        break;
      case 'constant':
        if (input.scratch === 'flags') return { kind: 'flags' };
        if (input.scratch !== undefined) return { kind: 'largest', shape: input.scratch.largestOf };
        bytes += tensorBytes(input.shape, input.dtype) ?? Infinity;
        return { ...input, handle: trace.backend.engine.share(input.handle) };
      case 'argument':
    }
    return { kind: 'as it is', input };
  });
  const layers = new Map<string, number>();
  const named = new Set([
    ...step.scopes.map((scope) => layerOfScope(scope)),
    ...(step.watch?.looksAt ?? []).map(({ layer }) => sanitized(layer)),
  ]);
  for (const [i, part] of after.parts.entries()) {
    const { name, inboundNodes } = part as { name?: unknown; inboundNodes?: unknown };
    if (typeof name !== 'string' || !Array.isArray(inboundNodes)) continue;
    // Two layers of one name cannot be told apart in scopes; cells have none there.
    if (layers.has(name) && named.has(sanitized(name))) complete = false;
    layers.set(name, i);
  }
  const recorded: Recorded = {
    content: step.content,
    precision: step.precision,
    scopes: step.scopes,
    after: after.digest,
    trained: trace.trained.map(({ optimizer, variables }) => ({
      optimizer: placeIn(earlier, optimizer),
      variables: variables.map((variable) => placeIn(earlier, variable)),
    })),
    inputs,
    guards: trace.guards.map(({ what, source }) => ({ what, place: place(source) })),
    afterRun: trace.afterRun.flatMap((action) => ('source' in action ? [place(action.source)] : [])),
    layers,
    checks: step.watch?.looksAt,
    lines: trace.lines,
    result,
    differsForXla,
  };
  if (complete && bytes <= MOST_BYTES) return recorded;
  free(trace.backend.engine, recorded);
  return undefined;
}

function bind(
  tf: Tf,
  backend: NodeBackend,
  recorded: Recorded,
  parts: readonly object[],
  shared: ConcreteFunction['shared'],
  watch: FiniteWatch | undefined,
): ConcreteFunction {
  const source = <T>({ part, read }: Place<T>): Source<T> => ({
    owner: new WeakRef(parts[part] as object),
    read,
  });
  const nameOf = (layer: string): string => {
    const part = recorded.layers.get(layer);
    return part === undefined ? layer : (parts[part] as { name: string }).name;
  };
  const flags = watch?.watchAs(
    (recorded.checks ?? []).map(({ what, layer }) => ({ what, layer: nameOf(layer) })),
  );
  const inputs = recorded.inputs.map((input): Capture => {
    switch (input.kind) {
      case 'resource': {
        const variable = parts[input.part] as Variable;
        const resource = resourceOf(backend, variable);
        return { kind: 'resource', variable: new WeakRef(variable), resource, updated: input.updated };
      }
      case 'tensor':
      case 'number': {
        const { kind, dtype } = input;
        return kind === 'number'
          ? { kind, dtype, current: currentOf(source(input.place)), source: source(input.place) }
          : {
              kind,
              dtype,
              shape: input.shape,
              current: currentOf(source(input.place)),
              source: source(input.place),
            };
      }
      case 'flags':
        return flags as Capture;
      case 'largest':
        return largestMoments(backend.engine, input.shape);
      case 'constant':
        return { ...input, handle: backend.engine.share(input.handle) };
      default:
        return input.input;
    }
  });
  const guards: Guard[] = recorded.guards.map(({ what, place }) => guardOf(what, source(place)));
  const afterRun: AfterRun[] = recorded.afterRun.map((place) => ({ source: source(place) }));
  if (shared.randomOps > 0) {
    afterRun.push({
      run: () => {
        randomCounter.advance(shared.randomOps);
      },
    });
  }
  const scopeNames = new Map(
    [...recorded.layers.keys()].map((layer) => [sanitized(layer), sanitized(nameOf(layer))]),
  );
  const scopes = recorded.scopes.map((scope) =>
    withLayersRenamed(`${scope}/`, (layer) => scopeNames.get(layer) ?? layer).slice(0, -1),
  );
  const lines = recorded.lines.fromHere();
  return new ConcreteFunction(
    { tf, backend, inputs, guards, lines, afterRun, watch },
    { content: recorded.content, shared, scopes },
    recorded.precision,
  );
}

/** A layer's name as it stands in scopes. */
function sanitized(layer: string): string {
  return layerOfScope(layerScope(layer, 'layer').slice(0, -1)) ?? layer;
}

import type { Engine } from '../../engines/engine.ts';
import type { Handle } from '../../engines/ops.ts';
import { EngineSession } from '../state/engine-session.ts';
import { synchronizeLoop } from '../state/running-loop.ts';

/** Something that belongs to a function and is freed with it. */
interface FunctionPart {
  dispose(): void;
  /** False while TensorFlow works with it on another thread, or keeps memory for it that cannot be freed. */
  readonly removable?: boolean;
}

/** Facts that are known when a function is made. */
export interface FunctionFacts {
  name: string;
  /** The function and those that it calls. */
  functions: readonly { name: string; pointer: Handle }[];
  pointer: Handle;
  outputTypes: readonly number[];
  histogram: ReadonlyMap<string, number>;
  randomOps: number;
  xlaObstacle: string | undefined;
  /** Scopes of operations, such as `dense_1.layer`, in the order of their first appearance. */
  scopes: readonly string[];
}

/**
 * A function of TensorFlow's, with the loops over it and what is known of its compilation by XLA. All models whose steps
 * have this content use it: TensorFlow optimizes and compiles it once.
 */
export class SharedFunction implements FunctionFacts {
  readonly name: string;
  readonly functions: FunctionFacts['functions'];
  readonly pointer: Handle;
  readonly outputTypes: readonly number[];
  readonly histogram: ReadonlyMap<string, number>;
  readonly randomOps: number;
  readonly xlaObstacle: string | undefined;
  readonly scopes: readonly string[];
  /** Parts that belong to it, in the order in which they were made. */
  readonly parts: FunctionPart[] = [];
  /** How many steps use it now. */
  users = 0;

  constructor(parts: FunctionFacts) {
    this.name = parts.name;
    this.functions = parts.functions;
    this.pointer = parts.pointer;
    this.outputTypes = parts.outputTypes;
    this.histogram = parts.histogram;
    this.randomOps = parts.randomOps;
    this.xlaObstacle = parts.xlaObstacle;
    this.scopes = parts.scopes;
  }

  /** Whether it may be removed from TensorFlow. */
  get removable(): boolean {
    return this.users === 0 && this.parts.every(({ removable }) => removable !== false);
  }

  get operations(): number {
    let sum = 0;
    for (const count of this.histogram.values()) sum += count;
    return sum;
  }
}

/** The parts of one kind that functions have, such as loops over them: each function has one part under a name. */
export class FunctionParts<Part extends FunctionPart> {
  readonly #byFunction = new WeakMap<SharedFunction, Map<string, Part>>();

  /** The part under a name; undefined where there is none. */
  get({ shared }: { shared: SharedFunction }, name: string): Part | undefined {
    return this.#byFunction.get(shared)?.get(name);
  }

  /** The part under a name, made where there is none. */
  of({ shared }: { shared: SharedFunction }, name: string, make: () => Part): Part {
    let parts = this.#byFunction.get(shared);
    if (parts === undefined) this.#byFunction.set(shared, (parts = new Map()));
    let part = parts.get(name);
    if (part === undefined) {
      part = make();
      parts.set(name, part);
      shared.parts.push(part);
    }
    return part;
  }

  /** All parts of a function by name. */
  all({ shared }: { shared: SharedFunction }): ReadonlyMap<string, Part> {
    return this.#byFunction.get(shared) ?? new Map();
  }
}

/** Functions that no step uses are kept for the next model of the same form: so many, and so many operations in all. */
const MOST_UNUSED = 32;
const MOST_UNUSED_OPERATIONS = 20_000;

/** The functions of an engine by their content; `of` gives the only one. */
export class SharedFunctions {
  readonly #engine: Engine;
  readonly #byContent = new Map<string, SharedFunction>();
  /** Functions that no step uses, the one that was used last at the end. */
  readonly #unused = new Map<SharedFunction, string>();

  static of(engine: Engine): SharedFunctions {
    return EngineSession.of(engine).part(SharedFunctions, () => new SharedFunctions(engine));
  }

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  #made = 0;

  /** How many functions have been made for steps so far, and how many are kept that no step uses. */
  get counts(): { made: number; unused: number } {
    return { made: this.#made, unused: this.#unused.size };
  }

  /** The function with this content, for one more step; `make` is called where there is none. Pairs with `release`. */
  retain(content: string, make: () => FunctionFacts): SharedFunction {
    const known = this.retainKnown(content);
    if (known !== undefined) return known;
    const found = new SharedFunction(make());
    this.#made++;
    this.#byContent.set(content, found);
    found.users++;
    return found;
  }

  /** The same where there is a function with this content; undefined otherwise. */
  retainKnown(content: string): SharedFunction | undefined {
    const found = this.#byContent.get(content);
    if (found === undefined) return undefined;
    this.#unused.delete(found);
    found.users++;
    return found;
  }

  /** A step is gone. The function is kept for a while. */
  release(content: string, shared: SharedFunction): void {
    shared.users--;
    if (shared.users > 0) return;
    this.#unused.set(shared, content);
    this.#trim();
  }

  #trim(): void {
    let operations = 0;
    for (const { operations: count } of this.#unused.keys()) operations += count;
    let count = this.#unused.size;
    for (const [shared, content] of this.#unused) {
      if (count <= MOST_UNUSED && operations <= MOST_UNUSED_OPERATIONS) return;
      if (!shared.removable) continue;
      count--;
      operations -= shared.operations;
      this.#unused.delete(shared);
      this.#byContent.delete(content);
      this.#remove(shared);
    }
  }

  /** Removes all functions that no step uses. */
  clear(): void {
    for (const [shared, content] of this.#unused) {
      if (!shared.removable) continue;
      this.#unused.delete(shared);
      this.#byContent.delete(content);
      this.#remove(shared);
    }
  }

  #remove(shared: SharedFunction): void {
    synchronizeLoop();
    // Later parts may use earlier ones.
    for (const part of shared.parts.toReversed()) part.dispose();
    this.#engine.removeFunctions(shared.functions);
  }
}

import { createHash } from 'node:crypto';
import { asError } from '../../engines/errors.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { readClosures, type Closure } from './closures.ts';
import { StateWalk, type ClosureWatch, type Declarations } from './state-walk.ts';

/** A piece of the user's code, or an object that holds some. */
export interface Root {
  /** In words: "the loss", "the layer scale_1". */
  name: string;
  value: object;
}

/**
 * All JavaScript state that pieces of code can read in addition to their arguments: fields of objects, variables that functions
 * close over, and what is reached from there. Which variables those are is told by the names in a function's source, and
 * their values by V8.
 */
export class GuardedState {
  readonly #tf: Tf;
  readonly #roots: readonly Root[];
  readonly #declarations: Declarations;
  /** Why the state cannot be told, in words. */
  obstacle: string | undefined;
  #key = '';
  #slots: { owner: Record<PropertyKey, unknown>; name: PropertyKey; value: unknown }[] = [];
  #sizes: { owner: object; count: number }[] = [];
  #checks: (() => boolean)[] = [];
  #closures: ClosureWatch[] = [];
  #globals = -1;
  #labels: string[] = [];
  #values: string[] = [];

  constructor(tf: Tf, roots: readonly Root[], declarations: Declarations) {
    this.#tf = tf;
    this.#roots = roots;
    this.#declarations = declarations;
  }

  /** A text that is the same whenever all of the state is. Undefined where that cannot be told: see `obstacle`. */
  key(): string | undefined {
    if (this.obstacle !== undefined) return undefined;
    try {
      if (this.#globals < 0 || !this.#unchanged()) this.#walk();
      return this.#key;
    } catch (error) {
      this.obstacle = asError(error).message;
      this.#forget();
      return undefined;
    }
  }

  /** The difference between the state of the last guard check and the one before, for messages. */
  changed: string | undefined;

  #forget(): void {
    this.#slots = [];
    this.#sizes = [];
    this.#checks = [];
    this.#closures = [];
    this.#globals = -1;
  }

  #unchanged(): boolean {
    for (const { owner, name, value } of this.#slots) if (!Object.is(owner[name], value)) return false;
    for (const { owner, count } of this.#sizes) if (Reflect.ownKeys(owner).length !== count) return false;
    for (const check of this.#checks) if (!check()) return false;
    if (Reflect.ownKeys(globalThis).length !== this.#globals) return false;
    const closures = readClosures(this.#closures.map(({ subject }) => subject));
    return this.#closures.every(({ variables, privates }, i) => {
      const { scopes, privates: present } = closures[i] as Closure;
      return (
        variables.every(({ scope, name, value }) => Object.is(scopes[scope]?.[name], value)) &&
        (privates === undefined ||
          [...privates].every(([name, value]) => Object.is(present.get(name), value)))
      );
    });
  }

  #walk(): void {
    this.#forget();
    const before = new Map(this.#labels.map((label, i) => [label, this.#values[i]]));
    const walk = new StateWalk(this.#tf, this.#declarations);
    for (const { name, value } of this.#roots) walk.add(value, name);
    walk.finish();
    this.#slots = walk.slots;
    this.#sizes = walk.sizes;
    this.#checks = walk.checks;
    this.#closures = walk.closures;
    this.#globals = Reflect.ownKeys(globalThis).length;
    const parts = walk.parts.map(([, part]) => part);
    if (before.size > 0) {
      const different = walk.parts.find(([label, part]) => before.get(label) !== part);
      this.changed = different?.[0];
    }
    this.#labels = walk.parts.map(([label]) => label);
    this.#values = parts;
    this.#key = createHash('sha1').update(parts.join('\n')).digest('base64');
  }
}

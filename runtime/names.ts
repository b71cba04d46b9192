import { runInThisContext } from 'node:vm';
import { boxKey, type BindingKind } from '../kernel/contracts/compiled-cells.ts';
import { makeFast } from './fast-object.ts';

type Box = Record<string, unknown>;

interface Named {
  readonly key: string;
  readonly box: Box;
  /** How it was declared last; undefined before a declaration was reached. */
  kind: BindingKind | undefined;
  /** The kind of the box's property: one that throws, a global, a variable, a constant, or a getter of an import. */
  state: 'early' | 'global' | 'variable' | 'constant' | 'import';
  /** For imports: the module's namespace. */
  namespace: object | undefined;
  /** How often it was declared. */
  version: number;
}

/**
 * The present values of the notebook's names.
 *
 * A name is one variable for the whole session. Its box is made once; a declaration that runs, also of an edited cell,
 * puts a new value into it, so that functions of all cells see that value.
 */
export class Names {
  readonly #names = new Map<string, Named>();
  /** How many declarations have run. */
  declarations = 0;

  /** Whether a cell has declared it. */
  has(name: string): boolean {
    return this.#names.get(name)?.kind !== undefined;
  }

  /** @throws ReferenceError when no cell has declared it */
  box(name: string): Box {
    const named = this.#names.get(name);
    if (named?.kind === undefined) throw new ReferenceError(`${name} is not defined`);
    return named.box;
  }

  /** The box of a name that is about to be declared. Reading it before that throws, unless it has an earlier value. */
  open(name: string): Box {
    const named = this.#names.get(name) ?? this.#add(name, 'early');
    if (named.state === 'global') this.#withoutValue(named, name, 'early');
    return named.box;
  }

  /** The box of a name that no cell has declared: it stands for the global of that name, if there is one. */
  fresh(name: string): Box {
    const named = this.#names.get(name) ?? this.#add(name, 'global');
    if (named.kind === undefined && named.state !== 'global') this.#withoutValue(named, name, 'global');
    return named.box;
  }

  /** Assigns a name that no cell had declared. Returns whether that declared it: it may be a global, or declared meanwhile. */
  introduce(name: string, value: unknown): boolean {
    if (this.has(name)) this.assign(name, value);
    else if (isGlobal(name)) this.fresh(name)[boxKey(name)] = value;
    else {
      this.declare(name, 'let', value);
      return true;
    }
    return false;
  }

  /** `var`: undefined from the start of the cell, or the earlier value, as in a script that runs again. */
  hoist(name: string): unknown {
    const named = this.#names.get(name) ?? this.#add(name, 'variable');
    if (named.state === 'early' || named.state === 'global') this.#define(named, 'variable', undefined);
    return named.box[named.key];
  }

  declare(name: string, kind: BindingKind, value: unknown): void {
    const wanted = kind === 'const' || kind === 'import' ? 'constant' : 'variable';
    const named = this.#names.get(name) ?? this.#add(name, wanted);
    this.#count(named);
    named.kind = kind;
    named.namespace = kind === 'import' && typeof value === 'object' ? (value ?? undefined) : undefined;
    if (wanted === 'variable' && named.state === wanted) named.box[named.key] = value;
    else this.#define(named, wanted, value);
  }

  /** An import, whose value is read anew for each use. */
  link(name: string, namespace: object, read: () => unknown): void {
    const named = this.#names.get(name) ?? this.#add(name, 'import');
    this.#count(named);
    this.#redefine(named, 'import', { get: read, set: refuse, enumerable: true, configurable: true });
    named.kind = 'import';
    named.namespace = namespace;
  }

  #count(named: Named): void {
    named.version++;
    this.declarations++;
  }

  /** How often a name was declared. */
  version(name: string): number {
    return this.#names.get(name)?.version ?? 0;
  }

  value(name: string): unknown {
    const named = this.#names.get(name);
    return named?.kind === undefined ? undefined : named.box[named.key];
  }

  /** @throws TypeError for a constant, as JavaScript does */
  assign(name: string, value: unknown): unknown {
    const named = this.#names.get(name);
    if (named?.kind === 'import') throw new TypeError(`Cannot assign to import '${name}'.`);
    if (named?.state === 'constant') throw new TypeError('Assignment to constant variable.');
    const { box, key } = named ?? this.#add(name, 'early');
    box[key] = value;
    return value;
  }

  /** Name, value, and for an import the module's namespace. */
  *entries(): Generator<[name: string, value: unknown, namespace: object | undefined]> {
    for (const [name, { key, box, kind, namespace }] of this.#names) {
      if (kind === undefined) continue;
      let value: unknown;
      try {
        value = box[key];
      } catch {
        // An import whose module has failed.
      }
      yield [name, value, namespace];
    }
  }

  #add(name: string, state: Named['state']): Named {
    const named: Named = {
      key: boxKey(name),
      box: {},
      kind: undefined,
      state,
      namespace: undefined,
      version: 0,
    };
    this.#names.set(name, named);
    if (state === 'early' || state === 'global') this.#withoutValue(named, name, state);
    return named;
  }

  #withoutValue(named: Named, name: string, state: 'early' | 'global'): void {
    const early = (): never => {
      throw new ReferenceError(`Cannot access '${name}' before initialization`);
    };
    const property = state === 'early' ? { get: early, set: early } : globalOf(name);
    Object.defineProperty(named.box, named.key, { ...property, enumerable: true, configurable: true });
    named.state = state;
  }

  #define(named: Named, state: 'variable' | 'constant', value: unknown): void {
    // A constant is read-only, so that functions which were compiled when it was a variable cannot assign it either.
    const writable = state === 'variable';
    this.#redefine(named, state, { value, writable, enumerable: true, configurable: true });
  }

  #redefine(named: Named, state: Named['state'], property: PropertyDescriptor): void {
    const { box, key } = named;
    const changesShape = Object.hasOwn(box, key) && (state === 'import' || named.state === 'import');
    Object.defineProperty(box, key, property);
    named.state = state;
    if (changesShape) makeFast(box, key);
  }
}

/** A property of the global object, or what a script has declared by `let`, `const` or `class`. */
function isGlobal(name: string): boolean {
  return name in globalThis || runInThisContext(`typeof ${name}`) !== 'undefined';
}

/** Reads and assigns a global as code in strict mode does: a name that is none is a ReferenceError. */
function globalOf(name: string): { get(): unknown; set(value: unknown): void } {
  const known = (): void => {
    if (!isGlobal(name)) throw new ReferenceError(`${name} is not defined`);
  };
  return {
    get() {
      known();
      return runInThisContext(name) as unknown;
    },
    set(value) {
      known();
      const assign = runInThisContext(`'use strict';(value)=>{${name}=value}`) as (value: unknown) => void;
      assign(value);
    },
  };
}

function refuse(): never {
  throw new TypeError('Assignment to constant variable.');
}

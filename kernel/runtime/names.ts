import type { Binding, BindingKind } from '../interfaces.ts';

interface Named {
  key: string;
  box: Record<string, unknown>;
  kind: BindingKind;
}

/** What the names of the notebook mean now. */
export class Names {
  readonly #names = new Map<string, Named>();

  declare(binding: Pick<Binding, 'name' | 'key' | 'kind'>, box: Record<string, unknown>): void {
    this.#names.set(binding.name, { key: binding.key, box, kind: binding.kind });
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  kind(name: string): BindingKind | undefined {
    return this.#names.get(name)?.kind;
  }

  /** @throws ReferenceError when no cell has declared it */
  box(name: string): Record<string, unknown> {
    const named = this.#names.get(name);
    if (!named) throw new ReferenceError(`${name} is not defined`);
    return named.box;
  }

  value(name: string): unknown {
    const named = this.#names.get(name);
    return named?.box[named.key];
  }

  /** @throws TypeError for a constant, as JavaScript does */
  assign(name: string, value: unknown): unknown {
    const named = this.#names.get(name)!;
    if (named.kind === 'const') throw new TypeError('Assignment to constant variable.');
    if (named.kind === 'import') throw new TypeError(`Cannot assign to import '${name}'.`);
    named.box[named.key] = value;
    return value;
  }

  /** Name, value, and the object that holds it (for an import: the module's namespace). */
  *entries(): Generator<[name: string, value: unknown, box: object]> {
    for (const [name, { key, box }] of this.#names) {
      let value: unknown;
      try {
        value = box[key];
      } catch {
        // An import whose module has failed.
      }
      yield [name, value, box];
    }
  }
}

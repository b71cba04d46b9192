import type { Binding } from '../../contracts/compiled-cells.ts';

/** The names of a session, as plain data. */
export interface NamesState {
  bindings: [string, Binding][];
  pending: [number, Binding[]][];
  assignedInFunctions: string[];
}

/** The names that the cells of a session have declared. */
export class SessionNames {
  private readonly bindings = new Map<string, Binding>();
  /** Compiled, and not known to have run: by execution. */
  private readonly pending = new Map<number, Binding[]>();
  /**
   * Names that a function of some cell assigns. A name is one variable for the whole session, so that counts for cells
   * that declare it again, too.
   */
  private readonly assignedInFunctions = new Set<string>();

  get(name: string): Binding | undefined {
    return this.bindings.get(name);
  }

  all(): Binding[] {
    return [...this.bindings.values()];
  }

  noteFunctionAssignment(name: string): void {
    this.assignedInFunctions.add(name);
  }

  isAssignedInFunction(name: string): boolean {
    return this.assignedInFunctions.has(name);
  }

  expect(execution: number, bindings: readonly Binding[]): void {
    if (bindings.length === 0) return;
    const list = this.pending.get(execution);
    if (list) list.push(...bindings);
    else this.pending.set(execution, [...bindings]);
    // A cell that never ran is never committed.
    if (this.pending.size > 100) {
      const [oldest] = this.pending.keys();
      if (oldest !== undefined) this.pending.delete(oldest);
    }
  }

  /** Whether a cell that may be running declares it. */
  isExpected(name: string): boolean {
    for (const bindings of this.pending.values())
      if (bindings.some((binding) => binding.name === name)) return true;
    return false;
  }

  commit(execution: number, declared: readonly string[]): void {
    const names = new Set(declared);
    for (const binding of this.pending.get(execution) ?? [])
      if (names.has(binding.name)) this.bindings.set(binding.name, binding);
    this.pending.delete(execution);
  }

  /** All of it as plain data, for a compiler in another process. */
  state(): NamesState {
    return {
      bindings: [...this.bindings],
      pending: [...this.pending],
      assignedInFunctions: [...this.assignedInFunctions],
    };
  }

  restore(state: NamesState): void {
    this.reset();
    for (const [name, binding] of state.bindings) this.bindings.set(name, binding);
    for (const [execution, bindings] of state.pending) this.pending.set(execution, [...bindings]);
    for (const name of state.assignedInFunctions) this.assignedInFunctions.add(name);
  }

  reset(): void {
    this.bindings.clear();
    this.pending.clear();
    this.assignedInFunctions.clear();
  }
}

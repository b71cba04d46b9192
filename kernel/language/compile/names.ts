import type { Binding } from '../../interfaces.ts';

/** What a session knows of the names of its cells. */
export class SessionNames {
  private readonly bindings = new Map<string, Binding>();
  /** Compiled, and not known to have run: by execution. */
  private readonly pending = new Map<number, Binding[]>();
  /** Names that a function of some cell assigns, though no cell had declared them when it was compiled. */
  private readonly assignedUnresolved = new Set<string>();
  private count = 0;

  get(name: string): Binding | undefined {
    return this.bindings.get(name);
  }

  all(): Binding[] {
    return [...this.bindings.values()];
  }

  /** A property name that no other binding of the session has. */
  newKey(name: string): string {
    return `${name}$${++this.count}`;
  }

  noteUnresolvedAssignment(name: string): void {
    this.assignedUnresolved.add(name);
  }

  isAssignedUnresolved(name: string): boolean {
    return this.assignedUnresolved.has(name);
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

  commit(execution: number, declared: readonly string[]): void {
    const names = new Set(declared);
    for (const binding of this.pending.get(execution) ?? [])
      if (names.has(binding.name)) this.bindings.set(binding.name, binding);
    this.pending.delete(execution);
  }

  reset(): void {
    this.bindings.clear();
    this.pending.clear();
    this.assignedUnresolved.clear();
  }
}

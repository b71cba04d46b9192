/** One region of names. Reading a name asks the region it stands in, then the ones around it. */
export class Scope {
  readonly parent: Scope | undefined;
  /** Where `var` of this region goes. */
  readonly hoist: Scope;
  private names: Set<string> | undefined;

  constructor(parent: Scope | undefined, isFunction: boolean) {
    this.parent = parent;
    this.hoist = isFunction || parent === undefined ? this : parent.hoist;
  }

  get isTop(): boolean {
    return this.parent === undefined;
  }

  add(name: string): void {
    (this.names ??= new Set()).add(name);
  }

  /** Whether a name in this scope refers to a declaration below the top level. */
  hides(name: string): boolean {
    if (this.parent === undefined) return false;
    return this.names?.has(name) === true || this.parent.hides(name);
  }
}

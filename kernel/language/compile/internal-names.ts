/** Names that generated code uses for itself; none of them occurs in the source. */
export class InternalNames {
  /** The context object: the one parameter of the generated function. */
  readonly context: string;
  private count = 0;

  constructor(source: string) {
    let base = '$$';
    while (source.includes(base)) base += '$';
    this.context = base;
  }

  /** Holds the value of an await, a postfix update and a destructuring assignment while something else is done. */
  get awaited(): string {
    return `${this.context}a`;
  }
  get updated(): string {
    return `${this.context}u`;
  }
  get assigned(): string {
    return `${this.context}p`;
  }
  /** A `var` whose value is never read. */
  get nothing(): string {
    return `${this.context}_`;
  }
  box(key: string): string {
    return `${this.context}${key}`;
  }
  fresh(): string {
    return `${this.context}${this.count++}`;
  }
}

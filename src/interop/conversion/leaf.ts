/**
 * How a value that is not plain JSON is converted for the other process: as a *leaf* of the JSON tree. Its codec knows
 * nothing of who carries the tree.
 */
export interface Leaf {
  /** The kind of leaf. */
  $: string;
  [key: string]: unknown;
}

/** The context of a codec while it encodes or decodes. */
export interface ConversionContext {
  /** The options that the caller of `get`, `set` or `call` gave. */
  readonly options: { readonly as?: string | undefined; readonly [key: string]: unknown };
  /** The other process. */
  readonly pid: number;
  /** Asks the other side's codec. Rejects when that side raises, or is gone. */
  request(operation: string, argument: unknown): Promise<unknown>;
  /** `action` runs once the other side has answered, or is gone. */
  done(action: () => void): void;
}

export interface LeafCodec {
  readonly kinds: ReadonlySet<string>;
  /** The leaf for `value`; undefined when it is not one of this codec's. */
  encode(value: unknown, context: ConversionContext): Promise<Leaf | undefined> | Leaf | undefined;
  decode(leaf: Leaf, context: ConversionContext): unknown;
}

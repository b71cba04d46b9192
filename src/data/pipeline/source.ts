import type { BatchParts, SharedTable } from './jobs.ts';
import type { BatchRows } from './order.ts';

/** Where examples come from: files in chunks, of which a batch takes some rows. */
export interface Source {
  /** The name in messages and next to bars. */
  readonly name: string;
  /** Rows of each chunk. */
  readonly chunks: readonly number[];
  /** Decodes a chunk, where that has to be done before rows of it can be had. */
  open?(chunk: number): Promise<SharedTable>;
  /** Has a thread make a batch. */
  batch(rows: BatchRows, opened: ReadonlyMap<number, Promise<SharedTable>>): Promise<BatchParts>;
  /** The same source, which keeps what was decoded. @throws RangeError where that cannot fit into memory. */
  cached(): Source;
  /** Names of the classes that `ys` tells apart. */
  readonly classes?: readonly string[] | undefined;
  /** Names of the columns of `xs`. */
  readonly columns?: readonly string[];
}

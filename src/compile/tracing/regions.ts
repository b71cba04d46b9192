import type { GraphOutput } from '../../engines/ops.ts';
import type { GraphBuilder } from '../../engines/engine.ts';

/**
 * A graph that ops go into: the step's own, or that of a function within it, such as the body of a loop. A value from
 * outside of a function becomes an argument of it.
 */
export interface Region {
  readonly graph: GraphBuilder;
  readonly symbols: Map<number, GraphOutput>;
  readonly captured: Map<number, GraphOutput>;
  /** The captures of the function from around it. */
  readonly captures: { outside: GraphOutput; inside: GraphOutput }[];
  readonly parent: Region | undefined;
  /**
   * A region whose values can be had here by other means than as a capture: given a value's number, the output here.
   */
  readonly fetch: ((id: number) => GraphOutput | undefined) | undefined;
}

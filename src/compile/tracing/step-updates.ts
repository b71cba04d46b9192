import { TF } from '../../engines/dtypes.ts';
import type { GraphOutput, Handle } from '../../engines/ops.ts';
import { addGated } from './gated-updates.ts';
import { layerScope } from '../../engines/scope-names.ts';
import type { TracedUpdates, TraceScope } from './trace-scope.ts';

/** Updates of variables in a step: all of them come after everything that can fail for other reasons. */
export class StepUpdates implements TracedUpdates {
  /** A truth without which variables stay as they are. */
  gate: GraphOutput | undefined;
  readonly #updates: { add: (barrier: Handle) => Handle; always: boolean }[] = [];
  /** Ops that read or compute: all of them come before any update. */
  readonly #needed: Handle[] = [];

  /** An op that comes before any update. */
  need(oper: Handle): void {
    this.#needed.push(oper);
  }

  /** Adds an op that updates resources; `gated`: not where there is a gate which is shut. */
  add(
    needs: readonly GraphOutput[],
    add: (barrier: Handle) => Handle,
    when: 'gated' | 'always' = 'gated',
  ): void {
    this.#needed.push(...needs.map(({ oper }) => oper));
    this.#updates.push({ add, always: when === 'always' });
  }

  /**
   * Puts the updates into the graph, if there are any.
   *
   * @param look adds what has to be looked at before the first update.
   * @param after adds what follows the updates, and gives its operations.
   * @returns the step's outputs; the first of them waits for the updates.
   */
  finish(
    trace: TraceScope,
    outputs: GraphOutput[],
    look: () => Handle | undefined,
    after: (updates: readonly Handle[]) => Handle[],
  ): GraphOutput[] {
    if (this.#updates.length === 0) return outputs;
    const { graph } = trace;
    const looked = look();
    if (looked !== undefined) this.need(looked);
    graph.scope = layerScope('optimizer', 'layer');
    const before = new Set([...this.#needed, ...outputs.map(({ oper }) => oper)]);
    for (const { output } of trace.inputs) before.delete(output.oper);
    const barrier = graph.operation('NoOp', [], [], [...before]);
    const adds = (always: boolean) =>
      this.#updates.filter((update) => update.always === always).map(({ add }) => add);
    const updates = adds(true).map((add) => add(barrier));
    if (this.gate === undefined) updates.push(...adds(false).map((add) => add(barrier)));
    else updates.push(addGated(trace, this.gate, adds(false), barrier));
    // A function keeps only what its outputs need: the first one waits for the updates.
    const first = outputs[0] ?? graph.constant([], TF.INT32, [0]);
    const last = graph.operation('Identity', [first], [], [...updates, ...after(updates)]);
    return [{ oper: last, index: 0 }, ...outputs.slice(1)];
  }
}

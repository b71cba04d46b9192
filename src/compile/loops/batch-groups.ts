import type { Tensor } from '@tensorflow/tfjs';
import { randomCounter } from '../tracing/random-counter.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { batchOf, type Batch, type Prefetcher } from './prefetcher.ts';
import type { ConcreteFunction } from '../execution/concrete-function.ts';
import { FEWEST_STEPS } from './loop-policy.ts';
import { variableTouches } from '../state/running-loop.ts';
import type { FunctionCache } from '../execution/function-cache.ts';
import { loopKey, type LoopShape } from '../execution/loop-functions.ts';
import { StepLoop, stepLoops } from '../execution/step-loop.ts';
import { LoopAutotuner, type RunnableLoop } from '../execution/loop-autotuner.ts';

/** Making a call costs up to a millisecond: one of several steps takes about so long. */
const CALL_MS = 12;
/** From here on a step is long enough for a separate call, and batches need not be copied to join them. */
const ALONE_MS = 4;
/** Batches in a call take at most so much memory. */
const CALL_BYTES = 32 * 2 ** 20;
/** So many batches of one kind in a row are likely to be followed by more of it. */
const FEWEST_IN_A_ROW = 3;
/** So many batches are pulled only when the step before is done, to see what pulling depends on. */
const PULLS_IN_ORDER = 3;

/**
 * Batches from a data set, joined for calls of several steps. How many go into a call follows from what a step and a pull take:
 * the next call's batches are pulled while this one's run.
 *
 * A data set that depends on the training (it asks the model, or draws from the stream of random numbers that the steps
 * draw from) is pulled in order: each batch when the step before it is done.
 */
export class BatchGroups {
  readonly #tf: Tf;
  readonly #backend: NodeBackend;
  readonly #graphs: () => FunctionCache;
  readonly #known = new Map<string, { graphs: FunctionCache; step: ConcreteFunction }>();
  #pulled = 0;
  #asksModel = false;
  #draws = false;
  /** How many batches of each kind came in a row, at most. */
  readonly #rows = new Map<string, number>();
  /** Of the last batch: its kind, how many of these there were in a row, and its bytes. */
  #kind: string | undefined;
  #row = 0;
  #bytes = 1;
  readonly #ended: (() => boolean) | undefined;
  #loop: RunnableLoop | undefined;
  #autotuner: LoopAutotuner | undefined;

  /**
   * @param ended whether the training was told to end; with it XLA's steps are tried too.
   */
  constructor(tf: Tf, backend: NodeBackend, graphs: () => FunctionCache, ended?: () => boolean) {
    this.#tf = tf;
    this.#backend = backend;
    this.#graphs = graphs;
    this.#ended = ended;
  }

  batch(tensors: (Tensor | null)[]): Batch {
    return batchOf(this.#backend, tensors);
  }

  /** Whether each batch has to wait for the step before it. */
  get #inOrder(): boolean {
    return this.#pulled < PULLS_IN_ORDER || this.#asksModel || (this.#draws && this.#randomOps > 0);
  }

  get #randomOps(): number {
    return Math.max(0, ...Array.from(this.#known.values(), ({ step }) => step.randomOps));
  }

  /** Ends the call that runs, if one does. */
  stop(): void {
    this.#loop?.loop.stop();
  }

  /** The next batches; none at the end. @param most how many go into a call at most. @throws what the data set throws. */
  async take(prefetcher: Prefetcher, most: number, exactly: boolean): Promise<Batch[]> {
    const looks = this.#pulled > 0 && this.#pulled < PULLS_IN_ORDER;
    const before = [variableTouches(), randomCounter.count];
    const group = await prefetcher.take(this.#size(prefetcher, most, exactly), exactly ? undefined : CALL_MS);
    if (looks && group.length > 0) {
      this.#asksModel ||= variableTouches() !== before[0];
      this.#draws ||= randomCounter.count !== before[1];
    }
    for (const { kind, bytes } of group) {
      this.#pulled++;
      this.#row = kind === this.#kind ? this.#row + 1 : 1;
      this.#kind = kind;
      this.#bytes = bytes;
      if (kind !== undefined) this.#rows.set(kind, Math.max(this.#row, this.#rows.get(kind) ?? 0));
    }
    return group;
  }

  /** Has the next batches be pulled meanwhile. */
  prefetch(prefetcher: Prefetcher, most: number, exactly: boolean): void {
    if (this.#inOrder) return;
    // One more where steps are long: pulling may take longer now and then.
    const spare = this.#bytes < CALL_BYTES ? 2 : 1;
    prefetcher.prefetch(Math.max(this.#size(prefetcher, most, exactly), spare));
  }

  /** Batches of the next call. */
  #size(prefetcher: Prefetcher, most: number, exactly: boolean): number {
    // The first ones run alone: what they are is not known yet.
    if (exactly) return Array.from(this.#rows.values()).some((row) => row >= FEWEST_IN_A_ROW - 1) ? most : 1;
    return Math.min(most, this.#stepsOfCall(prefetcher));
  }

  #stepsOfCall(prefetcher: Prefetcher): number {
    const time = this.#loop?.loop.stepTime;
    if (this.#inOrder || time === undefined || prefetcher.pullTime === undefined) return 1;
    const slower = Math.max(time, prefetcher.pullTime);
    if (slower >= ALONE_MS) return 1;
    const steps = Math.ceil(CALL_MS / slower);
    return Math.max(1, Math.min(steps, Math.floor(CALL_BYTES / this.#bytes)));
  }

  /** Remembers the graph that ran a batch, if one did. Tells whether it had run before. */
  ran({ kind }: Batch): boolean {
    const graphs = this.#graphs();
    const step = graphs.latest;
    if (kind === undefined || step === undefined) return false;
    const again = this.#known.get(kind)?.step === step;
    this.#known.set(kind, { graphs, step });
    return again;
  }

  /**
   * A loop over the step for such batches, as the step is now; undefined where there is no graph yet, or it would not pay.
   *
   * @param left how many steps are to come, where that is known.
   * @param data tensors as a call takes them, with any number of samples.
   */
  async loopFor(
    batch: Batch,
    left: number | undefined,
    data: readonly Tensor[] = present(batch),
  ): Promise<RunnableLoop | undefined> {
    const { kind } = batch;
    const known = kind === undefined ? undefined : this.#known.get(kind);
    if (kind === undefined || known === undefined) return undefined;
    const { graphs, step } = known;
    if (this.#graphs() !== graphs || !graphs.serves(step)) {
      this.#known.delete(kind);
      return undefined;
    }
    const outputs = step.outputTypes.length;
    const shape: LoopShape = { batch: batch.size, shuffled: false, open: true, outputs };
    const key = loopKey(data, shape);
    if (stepLoops.get(step, key) === undefined) {
      const row = this.#rows.get(kind) ?? 0;
      if ((left ?? FEWEST_STEPS) < FEWEST_STEPS || row < FEWEST_IN_A_ROW) return undefined;
    }
    const loop = stepLoops.of(step, key, () => new StepLoop(step, data, shape));
    this.#loop = { loop, step };
    this.#autotuner = undefined;
    if (this.#ended === undefined) return this.#loop;
    this.#autotuner = LoopAutotuner.of(step, key, loop, shape);
    return (this.#loop = await this.#autotuner.next(step, data, left ?? 0, this.#ended));
  }

  /** Tells of a call. @param ms how long it took. */
  called(loop: RunnableLoop, ms: number): void {
    this.#autotuner?.ran(loop, ms);
  }

  /** One tensor of all batches for each argument of the step. The tensors of the single batches are released. */
  join(group: readonly Batch[]): Tensor[] {
    const [first] = group as readonly [Batch, ...Batch[]];
    if (group.length === 1) return present(first);
    const all = group.map(present);
    try {
      return this.#tf.tidy(() =>
        present(first).map((_, i) => this.#tf.concat(all.map((tensors) => tensors[i] as Tensor))),
      );
    } finally {
      this.#tf.dispose(all);
    }
  }

  /** One of the batches that were joined, for a step that is run alone. */
  cut(data: readonly Tensor[], batch: Batch, index: number): Batch {
    let at = 0;
    const tensors = batch.tensors.map((tensor) => {
      if (tensor === null) return null;
      const rest = (data[at++] as Tensor).shape.slice(1);
      return this.#tf.slice(
        data[at - 1] as Tensor,
        [index * batch.size, ...rest.map(() => 0)],
        [batch.size, ...rest],
      );
    });
    return { ...batch, tensors };
  }
}

function present({ tensors }: Batch): Tensor[] {
  return tensors.filter((tensor) => tensor !== null);
}

import type { Tensor } from '@tensorflow/tfjs';
import { tfInternals, type Tf } from '../../tfjs/instance.ts';
import type { ConcreteFunction } from '../execution/concrete-function.ts';
import { EpochReports, type Callback, type CallbackList, type History, type Logs } from './epoch-reports.ts';
import { FEWEST_STEPS, LoopPolicy } from './loop-policy.ts';
import { loopKey, type LoopShape } from '../execution/loop-functions.ts';
import { StepLoop, stepLoops } from '../execution/step-loop.ts';
import { trainerOf, type ModelSteps } from './trainer.ts';
import { LoopAutotuner, type RunnableLoop } from '../execution/loop-autotuner.ts';
import { XlaStep } from '../execution/xla-step.ts';

/** The model's own part in a training. */
export interface FitModel {
  history: History;
  stopTraining_: boolean;
  checkNumSamples(ins: Tensor | Tensor[], batch?: number, steps?: number, name?: string): number;
  testLoop(f: DataFunction, ins: Tensor[], batch: number): Tensor[];
}

export type DataFunction = (data: (Tensor | null | undefined)[]) => Tensor[];

/** The arguments that tfjs's `fit` hands to its loop, in its order. */
export type FitLoopArguments = [
  f: DataFunction,
  /** Inputs, targets and sample weights; null where an output has none of those. */
  ins: (Tensor | null | undefined)[],
  outLabels: string[],
  batchSize: number | undefined,
  epochs: number | undefined,
  verbose: number | undefined,
  callbacks: Callback[],
  valF: DataFunction | null,
  valIns: Tensor[] | null,
  shuffle: boolean | string | undefined,
  callbackMetrics: string[],
  initialEpoch: number | undefined,
  stepsPerEpoch: number | null,
  validationSteps: number | null,
];

export interface FitLoopParts {
  tf: Tf;
  /** The compiled steps of the model as it is now. */
  steps(): ModelSteps;
}

/** A call takes about this long, so that the display and interrupts have their turn. */
const CALL_MS = 80;

/**
 * tfjs's `fitLoop`, with many steps in one call where no callback wants to see every batch (or where the user said how
 * many). Callbacks see the same as with tfjs's own loop; logs are numbers instead of scalars on the device.
 */
export function fitLoop(parts: FitLoopParts, model: FitModel, ...given: FitLoopArguments): Promise<History> {
  return new ArrayTraining(parts, model, given).run();
}

/** A training on tensors. */
class ArrayTraining {
  readonly #tf: Tf;
  readonly #parts: FitLoopParts;
  readonly #model: FitModel;
  readonly #step: DataFunction;
  readonly #ins: FitLoopArguments[1];
  readonly #labels: readonly string[];
  readonly #validation: { f: DataFunction; ins: Tensor[] } | undefined;
  readonly #initial: number;
  readonly #epochs: number;
  readonly #shuffled: boolean;
  readonly #callbackList: CallbackList;
  readonly #history: History;
  readonly #reports: EpochReports;
  readonly #policy: LoopPolicy;
  /** Inputs, targets and weights that there are. */
  readonly #data: Tensor[];
  readonly #samples: number;
  readonly #batch: number;
  /** Batches of an epoch, and those of them that are whole. */
  readonly #batches: number;
  readonly #whole: number;
  /** The key of trainings that share their steps: the loop's own key counts the outputs of a step too. */
  readonly #kind: string;
  /** The graph of a whole batch's step, once one has run. */
  #known: { steps: ModelSteps; step: ConcreteFunction } | undefined;
  /** Steps of earlier trainings of the kind, and of this one. */
  #done = 0;
  #autotuner: LoopAutotuner | undefined;

  constructor(parts: FitLoopParts, model: FitModel, given: FitLoopArguments) {
    const [f, ins, labels, size, epochs = 1, verbose = 1, callbacks, valF, valIns, shuffle = true, ...rest] =
      given;
    const [metrics, initial = 0] = rest;
    const { tf } = parts;
    this.#tf = tf;
    this.#parts = parts;
    this.#model = model;
    this.#step = f;
    this.#ins = ins;
    this.#labels = labels;
    this.#validation = valF === null || valIns === null ? undefined : { f: valF, ins: valIns };
    this.#initial = initial;
    this.#epochs = epochs;
    this.#shuffled = shuffle !== false;
    this.#batch = size ?? 32;
    this.#data = ins.filter((tensor) => tensor !== null && tensor !== undefined);
    this.#samples = model.checkNumSamples(this.#data, this.#batch);
    this.#batches = Math.ceil(this.#samples / this.#batch);
    this.#whole = Math.floor(this.#samples / this.#batch);
    const { callbackList, history } = tfInternals(tf).training.configureCallbacks(
      callbacks,
      verbose,
      epochs,
      initial,
      this.#samples,
      null,
      this.#batch,
      this.#validation !== undefined,
      metrics,
    ) as { callbackList: CallbackList; history: History };
    this.#callbackList = callbackList;
    this.#history = history;
    this.#reports = new EpochReports(tf, model, callbackList, labels);
    this.#policy = new LoopPolicy(this.#reports);
    const { batch, shuffled } = { batch: this.#batch, shuffled: this.#shuffled };
    this.#kind = loopKey(this.#data, { batch, shuffled, outputs: labels.length });
  }

  async run(): Promise<History> {
    const model = this.#model;
    this.#callbackList.setModel(model);
    model.history = this.#history;
    await this.#callbackList.onTrainBegin();
    model.stopTraining_ = false;
    this.#recall();
    const indices = Array.from({ length: this.#samples }, (_, i) => i);
    for (let epoch = this.#initial; epoch < this.#epochs; epoch++) {
      await this.#callbackList.onEpochBegin(epoch);
      const epochLogs: Logs = {};
      if (this.#shuffled) this.#tf.util.shuffle(indices);
      const order = this.#tf.tensor1d(indices, 'int32');
      try {
        await this.#runEpoch(epoch, order, epochLogs);
        await this.#reports.endEpoch();
      } finally {
        order.dispose();
        this.#reports.dispose();
      }
      await this.#callbackList.onEpochEnd(epoch, epochLogs);
      if (model.stopTraining_) break;
    }
    this.#remember();
    await this.#callbackList.onTrainEnd();
    await this.#history.syncData();
    return this.#history;
  }

  async #runEpoch(epoch: number, order: Tensor, epochLogs: Logs): Promise<void> {
    for (let index = 0; index < this.#batches;) {
      const left = this.#whole - index;
      const all = left + (this.#epochs - epoch - 1) * this.#whole;
      const ready = left > 0 ? await this.#loopFor(all) : undefined;
      if (ready !== undefined) {
        index += await this.#several(ready, order, index, this.#stepsOfCall(ready.loop, left), epochLogs);
      } else {
        await this.#single(order, index, epochLogs);
        index++;
      }
      if (this.#model.stopTraining_) return;
      await this.#policy.breathe();
    }
  }

  /** A loop over the step as it is now. */
  async #loopFor(left: number): Promise<RunnableLoop | undefined> {
    if (this.#known === undefined || this.#policy.runsHere) return undefined;
    const { steps, step } = this.#known;
    if (this.#parts.steps() !== steps || !steps.train.serves(step)) {
      this.#known = undefined;
      return undefined;
    }
    const data = this.#data;
    const outputs = step.outputTypes.length;
    const shape: LoopShape = { batch: this.#batch, shuffled: this.#shuffled, outputs };
    const key = loopKey(data, shape);
    if (stepLoops.get(step, key) === undefined && left + this.#done < FEWEST_STEPS) return undefined;
    const loop = stepLoops.of(step, key, () => new StepLoop(step, data, shape));
    this.#autotuner = LoopAutotuner.of(step, key, loop, shape);
    const next = await this.#autotuner.next(step, data, left, () => this.#model.stopTraining_);
    trainerOf(this.#model).stop = next.loop.stop.bind(next.loop);
    return next;
  }

  /** Steps of the next call. */
  #stepsOfCall(loop: StepLoop, left: number): number {
    const { seesBatches, stepsPerExecution } = this.#reports;
    if (stepsPerExecution !== undefined) return Math.min(stepsPerExecution, left);
    if (seesBatches) return 1;
    const time = loop.stepTime;
    return Math.min(left, time === undefined ? 2 : Math.max(1, Math.floor(CALL_MS / time)));
  }

  /** Continues where the last training of this kind has ended. */
  #recall(): void {
    const steps = this.#parts.steps();
    const before = steps.trainings.get(this.#kind);
    if (before === undefined || !steps.train.serves(before.step)) return;
    this.#known = { steps, step: before.step };
    this.#done = before.steps;
    this.#policy.stepTime = before.stepTime;
    this.#policy.timed = before.timed;
  }

  #remember(): void {
    if (this.#known === undefined) return;
    const { steps, step } = this.#known;
    const { stepTime, timed } = this.#policy;
    steps.trainings.set(this.#kind, { step, steps: this.#done, stepTime, timed });
  }

  async #single(order: Tensor, index: number, epochLogs: Logs): Promise<void> {
    const tf = this.#tf;
    const begin = index * this.#batch;
    const count = Math.min(this.#batch, this.#samples - begin);
    await this.#reports.single(index, count, {}, () => {
      const began = performance.now();
      const again = this.#known !== undefined;
      const ids = tf.slice(order, [begin], [count]) as ReturnType<Tf['tensor1d']>;
      const steps = this.#parts.steps();
      const graphs = steps.train;
      const outs = this.#reports.tried(index, () =>
        graphs.withoutXla(() =>
          this.#step(this.#ins.map((tensor) => (tensor ? tf.gather(tensor, ids) : tensor))),
        ),
      );
      if (count === this.#batch && graphs.latest !== undefined) this.#known = { steps, step: graphs.latest };
      // The first step of a graph includes its trace.
      if (again) {
        const ms = performance.now() - began;
        this.#policy.ran(ms);
        if (this.#known !== undefined) XlaStep.of(this.#known.step).spent += ms;
      }
      this.#done++;
      if (index === this.#batches - 1) this.#validate(epochLogs);
      return outs;
    });
  }

  #validate(epochLogs: Logs): void {
    const validation = this.#validation;
    if (validation === undefined) return;
    this.#tf.tidy(() => {
      const outs = this.#model.testLoop(validation.f, validation.ins, this.#batch);
      this.#labels.forEach((label, i) => (epochLogs[`val_${label}`] = this.#tf.keep(outs[i] as Tensor)));
    });
  }

  #several(
    { loop, step }: RunnableLoop,
    order: Tensor,
    index: number,
    count: number,
    epochLogs: Logs,
  ): Promise<number> {
    const run = async () => {
      const began = performance.now();
      const result = await loop.run(step, this.#data, this.#shuffled ? order : undefined, index, count);
      this.#autotuner?.ran({ loop, step }, performance.now() - began);
      return result;
    };
    return this.#reports.several(
      index,
      count,
      this.#batch,
      () => ({}),
      run,
      (steps) => {
        this.#done += steps;
        if (index + steps === this.#batches) this.#validate(epochLogs);
      },
    );
  }
}

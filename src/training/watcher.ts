import { performance } from 'node:perf_hooks';
import type * as Tf from '@tensorflow/tfjs';
import { notebookHost } from '../base/host.ts';
import type { MimeBundle } from '../base/host.ts';
import { COUNTS_STEPS } from '../compile/loops/batch-hooks.ts';
import type { CountSteps } from '../compile/loops/batch-hooks.ts';
import type { TrainingCallback } from './callbacks/callback.ts';
import type { DeviceLoad } from './device-load.ts';
import { LiveDisplay } from './live-display.ts';
import type { DisplayMode } from './live-display.ts';
import { whereNotFinite } from './not-finite.ts';
import type { FitData, Noticed } from './not-finite.ts';
import { TrainingRecord } from './record.ts';
import { theTf } from '../tfjs/current.ts';
import { epochLines, finalBundle, liveBundle, summaryLine } from './training-view.ts';

type Logs = Record<string, number | Tf.Scalar>;

export interface WatcherOptions {
  model: Tf.LayersModel;
  /** Told of an interrupt. */
  callbacks: readonly TrainingCallback[];
  mode: DisplayMode;
  epochs: number;
  firstEpoch: number;
  /** Steps of an epoch, where they are known. */
  steps: number | undefined;
  data: FitData;
  /** The load of the devices. */
  load?: DeviceLoad | undefined;
  /** The findings of a compiled step since it was asked last. */
  noticed?: ((model: Tf.LayersModel) => Noticed | undefined) | undefined;
}

/** Sees a training's steps, shows them, and stops it. */
export class Watcher {
  readonly record: TrainingRecord;
  stopping = false;
  /** The cell has ended without this training: nothing of it goes on. */
  abandoned = false;
  private readonly options: WatcherOptions;
  private readonly mode: DisplayMode;
  private readonly live = new LiveDisplay();
  private printed = 0;
  private begun = false;

  constructor(options: WatcherOptions) {
    this.options = options;
    this.mode = options.mode;
    const { epochs, firstEpoch, steps } = options;
    this.record = new TrainingRecord({ epochs, firstEpoch, steps, now: performance.now() });
  }

  /** The batch that runs is the last one. */
  stop(): void {
    this.stopping = true;
    for (const callback of this.options.callbacks) callback.interrupted = true;
    this.options.model.stopTraining = true;
  }

  begin(): void {
    this.begun = true;
    // Findings of an earlier training do not belong to this one.
    this.options.noticed?.(this.options.model);
    if (this.mode === 'chart')
      this.live.show(() => ({ data: this.draw(performance.now()), metadata: {} }), 'running');
  }

  beginEpoch(epoch: number): void {
    this.record.beginEpoch(epoch, performance.now());
  }

  endStep(logs: Logs, steps = 1): void {
    this.record.endStep(steps);
    // tfjs forgets a stop that comes before its first batch.
    if (this.stopping || notebookHost()?.interrupted === true) this.stop();
    if (this.mode !== 'chart' || !this.live.due) return;
    const now = performance.now();
    const metrics = readMetrics(logs);
    this.record.sample(metrics, now);
    this.warnOfNaN(metrics);
    this.live.update(() => this.draw(now), 'running');
  }

  endEpoch(logs: Logs): void {
    if (this.mode === 'quiet') return;
    const now = performance.now();
    const metrics = readMetrics(logs);
    this.record.endEpoch(metrics, now);
    this.warnOfNaN(metrics);
    if (this.mode === 'chart') this.live.update(() => this.draw(now), 'running');
    else this.print();
  }

  end(status: 'finished' | 'interrupted' | 'failed'): void {
    if (!this.begun || this.record.status !== 'running') return;
    this.record.end(status, performance.now());
    if (this.mode === 'chart') this.live.show(() => finalBundle(this.record), 'ended');
    if (this.mode !== 'text' && this.mode !== 'lines') return;
    this.print();
    for (const note of this.record.notes) process.stdout.write(`${note}\n`);
    if (this.mode === 'text') process.stdout.write(`${summaryLine(this.record)}\n`);
    else this.live.show(() => finalBundle(this.record, { lines: false }), 'ended');
  }

  /** Warns once, at the first value of the loss that is not finite. */
  private warnOfNaN(metrics: Record<string, number>): void {
    const { loss } = metrics;
    if (loss === undefined || Number.isFinite(loss) || this.record.notes.length > 0) return;
    const { model, data, noticed } = this.options;
    const where = whereNotFinite(theTf(), model, data, noticed?.(model));
    this.record.notes.push(
      `The loss is ${loss} in epoch ${this.record.epoch + 1}, step ${this.record.step}: ${where}.`,
    );
  }

  private draw(now: number): MimeBundle {
    this.record.device = this.options.load?.words(now) ?? '';
    return liveBundle(this.record, now);
  }

  /** The lines of epochs that were not printed yet. */
  private print(): void {
    for (const line of epochLines(this.record, this.printed)) process.stdout.write(`${line}\n`);
    this.printed = this.record.done.length;
  }
}

/** Values are read from the device here, and nowhere else. */
function readMetrics(logs: Logs): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [name, value] of Object.entries(logs)) {
    if (name === 'batch' || name === 'size') continue;
    values[name] = typeof value === 'number' ? value : (value.dataSync()[0] as number);
  }
  return values;
}

/** Stands before each callback of the user: behind it nothing runs once the cell has ended without the training. */
export function gateCallback(tf: typeof Tf, watcher: Watcher): Tf.CustomCallback {
  const gate = new tf.CustomCallback({}, 'never');
  const pass = async (): Promise<void> => {
    if (watcher.abandoned) throw new Error('the cell of this training was ended');
  };
  gate.onTrainBegin = pass;
  gate.onTrainEnd = pass;
  gate.onEpochBegin = pass;
  gate.onEpochEnd = pass;
  gate.onBatchBegin = pass;
  gate.onBatchEnd = pass;
  // It need not act between batches that no callback looks at.
  Object.assign(gate, { seesBatches: false });
  return gate;
}

/** The watcher as tfjs sees it. */
export function watcherCallback(tf: typeof Tf, watcher: Watcher): Tf.CustomCallback {
  // A record of functions would have every value read after every batch.
  const callback = new tf.CustomCallback({}, 'never');
  callback.onTrainBegin = async () => {
    watcher.begin();
  };
  callback.onEpochBegin = async (epoch) => {
    watcher.beginEpoch(epoch);
  };
  callback.onBatchEnd = async (_batch, logs) => {
    watcher.endStep(logs ?? {});
  };
  const counts: CountSteps = (steps, logs) => {
    watcher.endStep(logs, steps);
  };
  Object.assign(callback, { [COUNTS_STEPS]: counts });
  callback.onEpochEnd = async (_epoch, logs) => {
    watcher.endEpoch(logs ?? {});
  };
  return callback;
}

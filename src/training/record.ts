/** One metric over a training: points of (epochs done, value), in order. */
export type Point = readonly [epoch: number, value: number];

export type TrainingStatus = 'running' | 'finished' | 'interrupted' | 'failed';

export interface EpochSummary {
  /** Counts from 0, as callbacks do. */
  epoch: number;
  milliseconds: number;
  logs: Record<string, number>;
}

/** Points kept of the values between epochs; beyond that every second one is dropped. */
const MOST_POINTS = 400;
/** Values between epochs are smoothed over about this part of an epoch. */
const SMOOTHED_EPOCHS = 0.05;

/** The history of a training so far: everything that its display shows. Holds numbers only, no tensors. */
export class TrainingRecord {
  readonly started: number;
  readonly epochs: number;
  readonly firstEpoch: number;
  /** Steps of an epoch, once known. */
  steps: number | undefined;
  status: TrainingStatus = 'running';
  epoch: number;
  /** Steps of the current epoch that are done. */
  step = 0;
  /** Metrics between epochs: the mean of what was read so far in the epoch. */
  current: Record<string, number> = {};
  readonly done: EpochSummary[] = [];
  /** Values of single steps, read now and then and smoothed. */
  readonly between = new Map<string, Point[]>();
  /** Values of whole epochs; validation under `val_…`. */
  readonly whole = new Map<string, Point[]>();
  /** Warnings to be shown below. */
  readonly notes: string[] = [];
  /** The load of the devices as text; empty where nothing measures it. */
  device = '';
  ended: number | undefined;
  private epochStarted: number;
  private sums: Record<string, { sum: number; count: number }> = {};
  private readonly marks: { time: number; steps: number }[] = [];
  private totalSteps = 0;

  constructor(options: { epochs: number; firstEpoch?: number; steps?: number | undefined; now: number }) {
    this.started = options.now;
    this.epochStarted = options.now;
    this.epochs = options.epochs;
    this.firstEpoch = options.firstEpoch ?? 0;
    this.epoch = this.firstEpoch;
    this.steps = options.steps;
  }

  beginEpoch(epoch: number, now: number): void {
    this.epoch = epoch;
    this.step = 0;
    this.epochStarted = now;
    this.sums = {};
    this.current = {};
  }

  /** A step, or several, are done. Their metrics need not be known. */
  endStep(steps = 1): void {
    this.step += steps;
    this.totalSteps += steps;
  }

  /** Metrics of the step that was done last, read because they are about to be shown. */
  sample(logs: Readonly<Record<string, number>>, now: number): void {
    this.marks.push({ time: now, steps: this.totalSteps });
    if (this.marks.length > 20) this.marks.shift();
    for (const [name, value] of Object.entries(logs)) {
      const sum = (this.sums[name] ??= { sum: 0, count: 0 });
      sum.sum += value;
      sum.count += 1;
      this.current[name] = sum.sum / sum.count;
      const points = this.between.get(name) ?? [];
      // Single batches jump about; a little of what came before makes the line readable.
      const [at, before] = points.at(-1) ?? [this.position, value];
      const kept = Math.exp((at - this.position) / SMOOTHED_EPOCHS);
      const smooth = Number.isFinite(before) ? kept * before + (1 - kept) * value : value;
      points.push([this.position, smooth]);
      this.between.set(
        name,
        points.length > MOST_POINTS ? points.filter((_, index) => index % 2 === 1) : points,
      );
    }
  }

  endEpoch(logs: Readonly<Record<string, number>>, now: number): void {
    // A dataset of unknown length tells its length by ending.
    if (this.steps === undefined || this.step > this.steps) this.steps = this.step;
    // tfjs adds validation first.
    const own = Object.entries(logs).filter(([name]) => !name.startsWith('val_'));
    const ordered = [...own, ...Object.entries(logs).filter(([name]) => name.startsWith('val_'))];
    this.current = Object.fromEntries(ordered);
    this.done.push({ epoch: this.epoch, milliseconds: now - this.epochStarted, logs: { ...this.current } });
    for (const [name, value] of ordered) {
      const points = this.whole.get(name) ?? [];
      points.push([this.position, value]);
      this.whole.set(name, points);
    }
    this.epochStarted = now;
  }

  end(status: Exclude<TrainingStatus, 'running'>, now: number): void {
    this.status = status;
    this.ended = now;
  }

  /** Epochs done, with the fraction of the current one. */
  get position(): number {
    return this.epoch + (this.steps === undefined ? 0 : Math.min(1, this.step / this.steps));
  }

  /** Steps a second over the last two seconds or so; over everything when it has ended. NaN when unknown. */
  rate(now: number): number {
    if (this.ended !== undefined) return (this.totalSteps / (this.ended - this.started)) * 1000;
    const first = this.marks[0] ?? { time: this.started, steps: 0 };
    return ((this.totalSteps - first.steps) / (now - first.time)) * 1000;
  }

  /** Milliseconds that are left at the present rate; undefined when unknown. */
  timeLeft(now: number): number | undefined {
    if (this.steps === undefined) return undefined;
    const left = (this.epochs - this.epoch) * this.steps - this.step;
    const all = (this.totalSteps / (now - this.started)) * 1000;
    return all > 0 ? (left / all) * 1000 : undefined;
  }
}

/** Metrics without their validation twins, in the order in which they appeared: `loss`, `acc`. */
export function metricNames(record: TrainingRecord): string[] {
  const names = new Set([...record.between.keys(), ...record.whole.keys()].map((name) => baseName(name)));
  return [...names];
}

/** `val_loss` -> `loss`. */
export function baseName(metric: string): string {
  return metric.startsWith('val_') ? metric.slice(4) : metric;
}

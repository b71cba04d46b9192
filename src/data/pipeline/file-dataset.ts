import type * as Tf from '@tensorflow/tfjs';
import { progress } from '../../training/progress.ts';
import { setRendering } from '../../display/rendered.ts';
import { theTf } from '../../tfjs/current.ts';
import type { ArrayPart, BatchParts, SharedTable } from './jobs.ts';
import { splitRows, windows } from './order.ts';
import type { Order, Window } from './order.ts';
import { mixedSeed, range, sessionRandom } from '../../base/random-numbers.ts';
import type { Source } from './source.ts';
import { workerCount } from './workers.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** A bar appears for what takes longer than this. */
export const BAR_AFTER_MS = 400;

export interface ShuffleOptions {
  /** Makes the order the same in every run; each epoch still has another one. */
  seed?: number;
  /** For tables: rows that are mixed with each other, at least. Default 262,144; arrays and pictures are mixed as a whole. */
  buffer?: number;
}

export interface BatchOptions {
  /** Leaves out a last batch that would be smaller than the others. */
  dropRemainder?: boolean;
}

interface Settings {
  batch: number;
  dropRemainder: boolean;
  prefetch: number;
  shuffle: { seed: number; buffer: number } | undefined;
}

/** One batch: tensors by name (`xs`, `ys`), rows first. */
export type Batch = Record<string, Tf.Tensor>;

/**
 * Examples in files, read and decoded by separate threads while the device computes. Give it to
 * `model.fitDataset`, or go through it with `for await`; `dataset()` makes a `tf.data.Dataset` of it. Each method
 * returns a new data set, so that one can be used in several ways. Made by `tensorcell.datasets`.
 */
export class FileDataset {
  /** Batches in an epoch. */
  readonly size: number;
  /** Examples in an epoch. */
  readonly examples: number;
  readonly #source: Source;
  readonly #rows: readonly Int32Array[];
  readonly #settings: Settings;
  #epoch = 0;

  constructor(source: Source, rows?: readonly Int32Array[], settings?: Settings) {
    this.#source = source;
    this.#rows = rows ?? source.chunks.map((count) => range(count));
    this.#settings = settings ?? {
      batch: 32,
      dropRemainder: false,
      prefetch: workerCount() + 1,
      shuffle: undefined,
    };
    this.examples = this.#rows.reduce((sum, list) => sum + list.length, 0);
    const { batch, dropRemainder } = this.#settings;
    this.size = dropRemainder ? Math.floor(this.examples / batch) : Math.ceil(this.examples / batch);
  }

  /** Names of the classes, in the order of the columns of `ys`. */
  get classes(): readonly string[] | undefined {
    return this.#source.classes;
  }

  /** For tables: what the columns of `xs` are, such as `wind` or `weather=rain`. */
  get columns(): readonly string[] | undefined {
    return this.#source.columns;
  }

  /** Examples in a batch; 32 where this is not called. @throws RangeError for anything but a whole number from 1. */
  batch(size: number, options: BatchOptions = {}): FileDataset {
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`the batch size is ${size}: give a whole number from 1`);
    return this.#with({ batch: size, dropRemainder: options.dropRemainder ?? false });
  }

  /** Another order in each epoch. */
  shuffle(options: ShuffleOptions = {}): FileDataset {
    const seed = options.seed ?? Math.floor(sessionRandom() * 2 ** 32);
    return this.#with({ shuffle: { seed, buffer: options.buffer ?? 262_144 } });
  }

  /** Batches that are made ahead. Default: one more than there are threads. */
  prefetch(batches: number): FileDataset {
    if (!Number.isInteger(batches) || batches < 1) {
      throw new RangeError(`prefetch(${batches}): give a whole number of batches from 1`);
    }
    return this.#with({ prefetch: batches });
  }

  /**
   * Keeps what was decoded, so that later epochs only copy it. Arrays on disk stay there: the system keeps them.
   *
   * @throws RangeError where it would take more than the machine's free memory.
   */
  cache(): FileDataset {
    return new FileDataset(this.#source.cached(), this.#rows, this.#settings);
  }

  /**
   * Two data sets that share no example: the first with `fraction` of them, drawn at random. The same seed always
   * draws the same ones.
   *
   * @throws RangeError for a fraction that is not between 0 and 1.
   */
  split(fraction: number, options: { seed?: number } = {}): [first: FileDataset, second: FileDataset] {
    if (!(fraction > 0 && fraction < 1)) {
      throw new RangeError(`the fraction is ${fraction}: give a number between 0 and 1, such as 0.8`);
    }
    const [first, second] = splitRows(this.#rows, fraction, options.seed ?? 0);
    return [
      new FileDataset(this.#source, first, this.#settings),
      new FileDataset(this.#source, second, this.#settings),
    ];
  }

  /** The next epoch's batches; `fitDataset` calls this. The tensors belong to the caller. */
  // eslint-disable-next-line typescript/require-await -- the interface of tf.data.Dataset
  async iterator(): Promise<{ next(): Promise<IteratorResult<Batch, null>> }> {
    const epoch = this.#epoch++;
    let batches: Batches | undefined;
    return {
      next: async () => {
        // Reading begins with the first batch: `fitDataset` asks for one iterator more than it uses.
        batches ??= this.#begin(epoch);
        const parts = await batches.next();
        return parts === undefined ? { done: true, value: null } : { done: false, value: tensorsOf(parts) };
      },
    };
  }

  /** Goes through one epoch. Dispose the tensors of each batch, or work in `tf.tidy`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const batches = this.#begin();
    for (;;) {
      const parts = await batches.next();
      if (parts === undefined) return;
      yield tensorsOf(parts);
    }
  }

  /** The same as a data set of tfjs, with its `map`, `take`, `zip` and so on, over whole batches. */
  dataset(): Tf.data.Dataset<Tf.TensorContainer> {
    const { data } = theTf();
    const generate = (): AsyncGenerator<Batch> => this[Symbol.asyncIterator]();
    const dataset = data.generator(generate);
    Object.assign(dataset, { size: this.size });
    return dataset;
  }

  /** All examples as one tensor for each part, in order, with a bar while they are read. */
  async load(): Promise<Batch> {
    const all = this.#with({
      shuffle: undefined,
      dropRemainder: false,
      batch: Math.max(this.#settings.batch, 256),
    });
    const batches = all.#begin();
    const whole: BatchParts = {};
    let row = 0;
    const each = async function* each(): AsyncGenerator<BatchParts> {
      for (let parts = await batches.next(); parts !== undefined; parts = await batches.next()) yield parts;
    };
    const label = `reading ${this.#source.name}`;
    for await (const parts of progress(each(), { label, total: all.size, delayMs: BAR_AFTER_MS })) {
      for (const [name, part] of Object.entries(parts)) append(whole, name, part, row, this.examples);
      row += Object.values(parts)[0]?.shape[0] ?? 0;
    }
    return tensorsOf(whole);
  }

  get [Symbol.toStringTag](): string {
    return 'FileDataset';
  }

  /** A description of the content. */
  describe(): string {
    const count = new Intl.NumberFormat('en-US');
    const { batch, shuffle } = this.#settings;
    const { columns, classes } = this.#source;
    const list = (names: readonly string[]): string =>
      names.length <= 20
        ? names.join(', ')
        : `${names.slice(0, 19).join(', ')} and ${names.length - 19} more`;
    return [
      `Data set ${this.#source.name}: ${count.format(this.examples)} examples in ${count.format(this.size)} batches of ${batch}${shuffle ? ', reshuffled in each epoch' : ''}`,
      ...(columns
        ? [`${columns.length} ${columns.length === 1 ? 'column' : 'columns'}: ${list(columns)}`]
        : []),
      ...(classes ? [`${classes.length} classes: ${list(classes)}`] : []),
    ].join('\n');
  }

  #with(changes: Partial<Settings>): FileDataset {
    return new FileDataset(this.#source, this.#rows, { ...this.#settings, ...changes });
  }

  #begin(epoch = this.#epoch++): Batches {
    const { batch, dropRemainder, prefetch, shuffle } = this.#settings;
    const order: Order = {
      batch,
      dropRemainder,
      seed: shuffle && mixedSeed(shuffle.seed, epoch),
      buffer: shuffle?.buffer ?? 0,
    };
    return new Batches(this.#source, windows(this.#rows, order), prefetch);
  }
}

setRendering(FileDataset.prototype, function render() {
  return { data: { 'text/plain': this.describe() }, metadata: {} };
});

/** The batches of one epoch, some of them on their way. Dropping it drops what it has decoded. */
class Batches {
  readonly #source: Source;
  readonly #windows: Iterator<Window>;
  readonly #ahead: number;
  readonly #queue: Promise<BatchParts>[] = [];
  #opened = new Map<number, Promise<SharedTable>>();
  #now: Window | undefined;
  #later: Window | undefined;
  #at = 0;
  #failed = false;

  constructor(source: Source, all: Iterator<Window>, ahead: number) {
    this.#source = source;
    this.#windows = all;
    this.#ahead = ahead;
    this.#later = this.#nextWindow();
    this.#advance();
  }

  /** Undefined at the end of the epoch. After an error there are no more batches. */
  async next(): Promise<BatchParts | undefined> {
    this.#fill();
    const batch = this.#queue.shift();
    if (batch === undefined || this.#failed) return undefined;
    this.#fill();
    try {
      return await batch;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  #fill(): void {
    while (this.#queue.length < this.#ahead && this.#now !== undefined) {
      const rows = this.#now.batches[this.#at];
      if (rows === undefined) {
        this.#advance();
        continue;
      }
      this.#at += 1;
      const batch = this.#source.batch(rows, this.#opened);
      // The caller that awaits the batch gets its error.
      batch.catch(() => undefined);
      this.#queue.push(batch);
    }
  }

  /** Goes to the next window, has the one after it decoded, and releases chunks that no window needs any more. */
  #advance(): void {
    this.#now = this.#later;
    this.#later = this.#nextWindow();
    this.#at = 0;
    const open = this.#source.open?.bind(this.#source);
    if (open === undefined) return;
    const opened = new Map<number, Promise<SharedTable>>();
    for (const chunk of [...(this.#now?.chunks ?? []), ...(this.#later?.chunks ?? [])]) {
      let table = this.#opened.get(chunk) ?? opened.get(chunk);
      if (table === undefined) {
        table = open(chunk);
        table.catch(() => undefined);
      }
      opened.set(chunk, table);
    }
    this.#opened = opened;
  }

  #nextWindow(): Window | undefined {
    const { done, value } = this.#windows.next();
    return done === true ? undefined : value;
  }
}

function tensorsOf(parts: BatchParts): Batch {
  const tf = theTf();
  return Object.fromEntries(
    Object.entries(parts).map(([name, { values, shape, dtype }]) => [name, tf.tensor(values, shape, dtype)]),
  );
}

function append(whole: BatchParts, name: string, part: ArrayPart, row: number, rows: number): void {
  const perRow = elementCount(part.shape.slice(1));
  const Values = part.values.constructor as new (length: number) => ArrayPart['values'];
  const target = (whole[name] ??= {
    shape: [rows, ...part.shape.slice(1)],
    dtype: part.dtype,
    values: new Values(rows * perRow),
  });
  if (target.dtype !== part.dtype) {
    // Wide whole numbers fit into 32 bits in some batches and not in others.
    whole[name] = { ...target, dtype: 'float32', values: Float32Array.from(target.values) };
  }
  whole[name].values.set(part.values, row * perRow);
}

/** Jobs of a data worker and their answers. All are sent between threads as structured clones. */

/** Values of one part of a batch (`xs`, `ys`), rows first. */
export interface ArrayPart {
  shape: number[];
  dtype: 'float32' | 'int32' | 'bool';
  values: Float32Array | Int32Array | Uint8Array;
}

export type BatchParts = Record<string, ArrayPart>;

/** A piece of a table that is decoded at once. */
export type TableChunk =
  | {
      format: 'csv';
      file: string;
      separator: string;
      columns: string[];
      /** Bytes of the file, from a row's start to a row's end. */
      start: number;
      end: number;
      /** Number of its first row in the file, from 1 for messages; the line of names is not counted. */
      firstRow: number;
      missing: string[];
    }
  | { format: 'parquet'; file: string; from: number; to: number };

/** Statistics of one column in one chunk. */
export interface ColumnSurvey {
  numbers: number;
  texts: number;
  /** Dates, lists and other things that are neither. */
  others: number;
  missing: number;
  firstMissingRow: number;
  sum: number;
  squares: number;
  /** The different cells as text; undefined for more than {@link MOST_CLASSES}. */
  classes: string[] | undefined;
}

export const MOST_CLASSES = 1000;

/** How one column becomes numbers. */
export type Encoding =
  | { kind: 'number'; column: string; mean: number; deviation: number }
  | { kind: 'oneHot' | 'index'; column: string; classes: string[] };

export interface TablePlan {
  xs: Encoding[];
  ys: Encoding[];
  /** The value of empty cells; 'error' refuses them. */
  missing: number | 'error';
}

/** A decoded chunk, shared between all threads: float32, rows first, one number a column (classes by their number). */
export interface SharedTable {
  rows: number;
  xs: SharedArrayBuffer;
  ys: SharedArrayBuffer;
}

export interface StoredArray {
  name: string;
  file: string;
  /** Tells the file from another one that takes its place later. */
  stamp: string;
  format: 'npy' | 'idx';
  /** Of one example. */
  shape: number[];
  rows: number;
  start: number;
  /** Bytes a value, and its type: NumPy's, or the code of IDX. */
  size: number;
  type: string;
  /** The factor for the values; the result is float32. */
  scale: number | undefined;
  /** Number of classes for one-hot rows. */
  oneHot: number | undefined;
}

export interface ImagePlan {
  height: number;
  width: number;
  channels: 1 | 3 | 4;
  scale: number;
  /** Whether pictures of other sizes are resized, or refused. */
  resize: boolean;
  /** Number of classes for one-hot labels; 0: the class number; undefined: no labels. */
  classes: number | undefined;
}

/** Decoded pictures, float32, and whether each is there yet. */
export interface ImageCache {
  pixels: SharedArrayBuffer;
  there: SharedArrayBuffer;
}

export type Job =
  | { kind: 'csv-scan'; file: string; separator: string; columns: string[] | undefined; missing: string[] }
  | { kind: 'survey'; chunk: TableChunk; columns: string[] }
  | { kind: 'decode'; chunk: TableChunk; plan: TablePlan }
  | {
      kind: 'gather';
      tables: SharedTable[];
      /** For each row of the batch: which table, and which of its rows. `columns`: classes of each column; 0 for numbers. */
      table: Int32Array;
      row: Int32Array;
      columns: { xs: number[]; ys: number[] };
    }
  | { kind: 'rows'; arrays: StoredArray[]; rows: Int32Array }
  | { kind: 'image-size'; file: string; libraries: string | undefined }
  | {
      kind: 'images';
      files: string[];
      labels: number[];
      plan: ImagePlan;
      libraries: string | undefined;
      cache: ImageCache | undefined;
      rows: Int32Array;
    };

/** The answer to each kind of job. */
export interface Answers {
  'csv-scan': { columns: string[]; chunks: (TableChunk & { rows: number })[] };
  survey: ColumnSurvey[];
  decode: SharedTable;
  gather: BatchParts;
  rows: BatchParts;
  'image-size': { height: number; width: number };
  images: BatchParts;
}

export interface JobMessage {
  id: number;
  job: Job;
}

/** An error as it is sent between threads, without its class. */
export interface JobError {
  name: string;
  message: string;
  code?: string | undefined;
  path?: string | undefined;
}

export type JobReply = { id: number; value: unknown } | { id: number; error: JobError };

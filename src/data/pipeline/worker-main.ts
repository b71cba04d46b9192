/** A thread that reads and decodes: the entry of the bundle `data-worker.js`. Jobs are done one after another. */
import { parentPort } from 'node:worker_threads';
import { ImageReader } from './images.ts';
import type { BatchParts, Job, JobMessage, JobReply, SharedTable } from './jobs.ts';
import { StoredRows } from './stored-rows.ts';
import { decodeChunk, scanCsv, surveyChunk } from './table-chunks.ts';

/** The rows of a batch out of decoded chunks. */
function gather(
  tables: readonly SharedTable[],
  table: Int32Array,
  row: Int32Array,
  columns: { xs: number[]; ys: number[] },
): BatchParts {
  const parts: BatchParts = {};
  for (const name of ['xs', 'ys'] as const) {
    const widths = columns[name];
    const width = widths.reduce((sum, one) => sum + (one || 1), 0);
    if (width === 0) continue;
    const sources = tables.map((one) => new Float32Array(one[name]));
    const values = new Float32Array(row.length * width);
    for (let at = 0; at < row.length; at++) {
      const source = sources[table[at] as number] as Float32Array;
      const from = (row[at] as number) * widths.length;
      let to = at * width;
      for (let column = 0; column < widths.length; column++) {
        const value = source[from + column] as number;
        const own = widths[column] as number;
        if (own === 0) values[to] = value;
        else if (value >= 0) values[to + value] = 1;
        to += own || 1;
      }
    }
    parts[name] = { shape: [row.length, width], dtype: 'float32', values };
  }
  return parts;
}

const images = new ImageReader();
const stored = new StoredRows();

async function perform(job: Job): Promise<unknown> {
  switch (job.kind) {
    case 'csv-scan':
      return scanCsv(job.file, job.separator, job.columns, job.missing);
    case 'survey':
      return surveyChunk(job.chunk, job.columns);
    case 'decode':
      return decodeChunk(job.chunk, job.plan);
    case 'gather':
      return gather(job.tables, job.table, job.row, job.columns);
    case 'rows':
      return stored.read(job.arrays, job.rows);
    case 'image-size':
      return images.size(job.file, job.libraries);
    case 'images':
      return images.batch(job.files, job.labels, job.rows, job.plan, job.libraries, job.cache);
    default:
      throw new TypeError(`unknown job ${JSON.stringify(job satisfies never)}`);
  }
}

/** Values of a batch go over without being copied. */
function transfers(kind: Job['kind'], value: unknown): ArrayBuffer[] {
  if (kind !== 'gather' && kind !== 'rows' && kind !== 'images') return [];
  return Object.values(value as BatchParts).map(({ values }) => values.buffer as ArrayBuffer);
}

async function answer({ id, job }: JobMessage): Promise<void> {
  try {
    const value = await perform(job);
    parentPort?.postMessage({ id, value } satisfies JobReply, transfers(job.kind, value));
  } catch (error) {
    const { name, message, code, path } = (
      error instanceof Error ? error : new Error(String(error))
    ) as Error & {
      code?: string;
      path?: string;
    };
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage({ id, error: { name, message, code, path } } satisfies JobReply);
  }
}

let queue = Promise.resolve();
parentPort?.on('message', (message: JobMessage) => {
  queue = queue.then(async () => answer(message));
});

import { fileURLToPath } from 'node:url';
import { arraySource } from './pipeline/array-source.ts';
import type { ArrayOptions } from './pipeline/array-source.ts';
import { FileDataset } from './pipeline/file-dataset.ts';
import { imageSource } from './pipeline/image-source.ts';
import type { PictureOptions } from './pipeline/image-source.ts';
import { tableSource } from './pipeline/table-source.ts';
import type { CsvTableOptions, TableOptions } from './pipeline/table-source.ts';

type Path = string | URL;

function path(file: Path): string {
  return file instanceof URL ? fileURLToPath(file) : file;
}

function paths(files: Path | readonly Path[]): string[] {
  return [files].flat().map((file) => path(file));
}

/**
 * Data sets in files, read and decoded by separate threads: for `model.fitDataset`, `for await`, or as tensors with
 * `load()`. Opening one reads its names, lengths and classes, with a bar if that takes long.
 */
export const datasets = {
  /**
   * Tables of comma-separated values; several files are one after another. `xs` has a column for each number and for
   * each class of text, `ys` the label.
   */
  async csv(files: Path | readonly Path[], options: CsvTableOptions = {}): Promise<FileDataset> {
    return new FileDataset(await tableSource(paths(files), 'csv', options));
  },

  /** Parquet tables, as {@link datasets.csv}. */
  async parquet(files: Path | readonly Path[], options: TableOptions = {}): Promise<FileDataset> {
    return new FileDataset(await tableSource(paths(files), 'parquet', options));
  },

  /** Arrays in NumPy's `.npy` or in IDX, one file for each part: `{ xs: 'pictures.npy', ys: 'labels.npy' }`. */
  // eslint-disable-next-line typescript/require-await -- as the others: its errors are rejections
  async arrays(files: Readonly<Record<string, Path>>, options: ArrayOptions = {}): Promise<FileDataset> {
    const named = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, path(file)]));
    return new FileDataset(arraySource(named, options));
  },

  /**
   * Pictures (JPEG, PNG, GIF, BMP): a folder with a folder for each class, a folder without classes, or a list of
   * files. `xs` has shape [batch, height, width, channels] and values from 0 to 1, `ys` the classes.
   */
  async images(where: Path | readonly Path[], options: PictureOptions = {}): Promise<FileDataset> {
    const from = Array.isArray(where) ? paths(where as readonly Path[]) : path(where as Path);
    return new FileDataset(await imageSource(from, options));
  },
};

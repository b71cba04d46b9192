import { FileError, pathText, readRegular, type FilePath } from '../../base/files/index.ts';

/** Why a file is not what it should be. The message names the file. */
export class DataFormatError extends Error {
  readonly code = 'TENSORCELL_DATA_FORMAT';
  override name = 'DataFormatError';
}

/** Node's strings hold at most half a billion characters. */
const LONGEST_TEXT = 2 ** 29 - 32;

/** A text file's content. @throws FileError when it cannot be read, or is longer than one text can be */
export function readTextFile(file: FilePath): string {
  try {
    return readRegular(file, LONGEST_TEXT).toString('utf8');
  } catch (error) {
    if (error instanceof FileError && error.code === 'TENSORCELL_FILE_SIZE') {
      const path = pathText(file);
      throw new DataFormatError(
        `${path} is longer than a string can be (512 MB): tensorcell.datasets.csv reads it in parts`,
        { cause: error },
      );
    }
    throw error;
  }
}

import { FileError } from './errors.ts';
import { pathText, readRegular, type FilePath } from './read.ts';

/** Node's strings hold at most half a billion characters. */
const LONGEST_TEXT = 2 ** 29 - 32;

/**
 * JSON out of a file that its user named.
 *
 * @param name the file, for the message. @param what what it should be, such as `a notebook`.
 * @throws FileError `TENSORCELL_FILE_FORMAT` instead of a SyntaxError that names no file.
 */
export function parseJson(text: string | Uint8Array, name: string, what = 'JSON'): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text : new TextDecoder().decode(text)) as unknown;
  } catch (error) {
    throw new FileError(
      `${name} is not ${what}, or is damaged: ${(error as Error).message}`,
      'TENSORCELL_FILE_FORMAT',
      name,
      { cause: error },
    );
  }
}

/** Reads a JSON file. @throws FileError */
export function readJson(file: FilePath, what?: string): unknown {
  return parseJson(readRegular(file, LONGEST_TEXT), pathText(file), what);
}

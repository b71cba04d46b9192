/** Why a file is not what it should be. The message names the file. */
export class DataFormatError extends Error {
  readonly code = 'TENSORCELL_DATA_FORMAT';
  override name = 'DataFormatError';
}

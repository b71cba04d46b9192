/** How this program writes and reads files. Every writer of a whole file uses `writeWhole`, every log `AppendLog`. */
export { AppendLog, appendWhole } from './append.ts';
export { EventFile } from './event-file.ts';
export type { EventValue } from './event-file.ts';
export { FileError, remedyOf, systemReason } from './errors.ts';
export { parseJson, readJson } from './json.ts';
export { openRegular, pathText, readRegular } from './read.ts';
export type { FilePath } from './read.ts';
export { writeFailure, writeTogether, writeWhole } from './write.ts';
export type { WrittenFile } from './write.ts';

import { getSystemErrorMap } from 'node:util';
import { errorCode } from '../error-code.ts';

/** A file could not be written or read. `code` is the system's, such as `ENOSPC`, or one of `TENSORCELL_FILE_…`. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: string;
  readonly path: string;

  constructor(message: string, code: string, path: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space on this disk, or choose a path on another one',
  EDQUOT: 'free some space in the quota, or choose a path on another disk',
  EFBIG: 'raise the limit on file sizes (ulimit -f), or choose a path on another file system',
  EACCES: 'choose a path that you may write to',
  EPERM: 'choose a path that you may write to',
  EROFS: 'choose a path on a disk that is not mounted read-only',
  EISDIR: 'it is a folder: name a file',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EIO: 'the disk reports a fault: choose a path on another disk',
  EMFILE: 'close files that are no longer needed, or raise the limit (ulimit -n)',
  ENAMETOOLONG: 'choose a shorter name',
  EBUSY: 'it is a mount point: choose a path in a folder instead',
};

/** `no space left on device (ENOSPC)` */
export function systemReason(error: unknown): string {
  const { code, errno, message } = error as Partial<NodeJS.ErrnoException>;
  if (code === undefined) return message ?? String(error);
  if (typeof errno !== 'number') return message ?? code;
  const text = getSystemErrorMap().get(errno)?.[1];
  return `${text ?? code} (${code})`;
}

/** The remedy for an error of the system; undefined where only the path can tell. */
export function remedyOf(error: unknown): string | undefined {
  return REMEDIES[errorCode(error) ?? ''];
}

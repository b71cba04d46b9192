/** A limit on the size of files that this process writes (RLIMIT_FSIZE), which needs no rights. */
import { execFileSync } from 'node:child_process';

/** Files may grow to this many bytes; to any size when it is undefined. Node ignores the signal: a write fails with EFBIG. */
export function limitFiles(bytes: number | undefined): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes ?? 'unlimited'}:`], {
    stdio: 'pipe',
  });
}

/** Why there is none here; undefined when `limitFiles` works. */
export function fileLimitProblem(): string | undefined {
  try {
    limitFiles(undefined);
    return undefined;
  } catch (error) {
    return `prlimit does not work here: ${(error as Error).message.split('\n')[0]}`;
  }
}

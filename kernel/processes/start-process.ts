import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { withSpareDescriptorsNow } from '../../src/base/spare-descriptors.ts';

/**
 * `spawn` that throws when no file descriptor is left for the pipes: Node returns a child without any then, whose use throws
 * TypeErrors. What else fails (no such program) is an event of the child, as always.
 *
 * @throws Error with the code EMFILE
 */
export function startProcess(command: string, words: readonly string[], options: SpawnOptions): ChildProcess {
  const child = withSpareDescriptorsNow(() => spawn(command, words, options));
  if ((child as { stdio?: unknown }).stdio !== undefined) return child;
  child.on('error', () => undefined);
  throw Object.assign(
    new Error(
      `${command} cannot be started: too many files are open (EMFILE). Close some, or raise the limit (ulimit -n)`,
    ),
    { code: 'EMFILE' },
  );
}

import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { Socket } from 'node:net';
import { withSpareDescriptorsNow } from '../../src/base/spare-descriptors.ts';

/**
 * `spawn` that throws when no file descriptor is left for the pipes: Node returns a child without any then, whose use throws
 * TypeErrors. Other failures (no such program) are events of the child, as always.
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

/**
 * A pipe of a child process.
 *
 * @param descriptor its number in the child, for which `stdio` has `'pipe'`
 * @throws Error where `stdio` says otherwise: a defect of the kernel
 */
export function pipeOf(child: ChildProcess, descriptor: number): Socket {
  const streams: readonly unknown[] = child.stdio;
  const stream = streams[descriptor];
  if (!(stream instanceof Socket))
    throw new Error(`internal error: descriptor ${descriptor} of ${child.spawnfile} is no pipe`);
  return stream;
}

import { isBlankOrComment } from '../contracts/magic-syntax.ts';

/**
 * Magics that are asked while a cell runs, need neither the runtime process nor what the cells before them do, and so are
 * answered ahead of the queue.
 */
const IMMEDIATE = new Set(['training']);

/** Whether a cell holds nothing but such magics, one at least. */
export function isAnsweredAtOnce(code: unknown): boolean {
  if (typeof code !== 'string') return false;
  const lines = code.split(/\r?\n/).filter((line) => !isBlankOrComment(line));
  return lines.length > 0 && lines.every((line) => IMMEDIATE.has(/^\s*%([\w-]+)\s*$/.exec(line)?.[1] ?? ''));
}

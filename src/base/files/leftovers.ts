import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';

/** A leftover of another machine or container, whose processes cannot be seen from here, is removed after a day. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;
/** File systems allow 255 bytes for a name; the suffix below takes 60. */
const LONGEST_STEM = 180;

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

let tag: string | undefined;

/** Where process numbers mean the same: this boot and this PID namespace. */
function placeTag(): string {
  tag ??= createHash('sha256')
    .update(textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')))
    .update(textOf(() => readlinkSync('/proc/self/ns/pid')))
    .digest('hex')
    .slice(0, 8);
  return tag;
}

/** When a process began, in ticks since the boot (proc(5), field 22 of stat): a number may be used again. */
function startOf(pid: number): string | undefined {
  const stat = textOf(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function stemOf(file: string): string {
  const name = basename(file);
  if (Buffer.byteLength(name) <= LONGEST_STEM) return name;
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

/** A name next to `file` for what is not finished: it carries its writer, so that a leftover can be recognized. */
export function temporaryName(file: string): string {
  const writer = `${placeTag()}-${process.pid}-${startOf(process.pid) ?? '0'}-${threadId}`;
  return join(dirname(file), `.${stemOf(file)}.${writer}.${randomBytes(4).toString('hex')}.tmp`);
}

/**
 * Removes what saves of `file` left that were killed: only of processes that have ended. A save of this thread is never
 * under way here (writing is synchronous), so what carries this thread's own number was left by an interrupted cell.
 */
export function removeLeftovers(file: string): void {
  const folder = dirname(file);
  const prefix = `.${stemOf(file)}.`;
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix)) continue;
    const match = /^(?:([0-9a-f]{8})-(\d+)-(\d+)-(\d+)|(\d+))\.[0-9a-f]{8}\.tmp$/.exec(
      name.slice(prefix.length),
    );
    if (match === null) continue;
    const [, place, pid, start, thread, plain] = match;
    const left =
      plain === undefined
        ? isLeft(join(folder, name), place as string, Number(pid), start as string, Number(thread))
        : // The name that versions before 0.2 gave.
          startOf(Number(plain)) === undefined;
    if (left) rmSync(join(folder, name), { force: true });
  }
}

function isLeft(path: string, place: string, pid: number, start: string, thread: number): boolean {
  if (place !== placeTag()) {
    const found = statSync(path, { throwIfNoEntry: false });
    return found !== undefined && Date.now() - found.mtimeMs > FOREIGN_AGE_MS;
  }
  if (pid === process.pid) return thread === threadId || start !== startOf(pid);
  return startOf(pid) !== start;
}

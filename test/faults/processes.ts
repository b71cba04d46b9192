/** Processes as /proc tells of them. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  pid: number;
  parent: number;
  /** The name of its program, as in the second field of /proc/PID/stat. */
  command: string;
  /** Its arguments, separated by spaces. */
  line: string;
}

/** One letter, as in the third field of /proc/PID/stat: `T` is stopped. Undefined when it is gone. */
export function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

/** Stops a process that runs; whether there is still one. It can end between the look and the signal. */
export function stopProcess(pid: number): boolean {
  const state = stateOf(pid);
  if (state === undefined) return false;
  if (state === 'T') return true;
  try {
    process.kill(pid, 'SIGSTOP');
    return true;
  } catch {
    return false;
  }
}

/** All processes below one, whatever their depth. */
export function processesOf(root: number): Process[] {
  const all: Process[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const end = stat.lastIndexOf(')');
      all.push({
        pid: Number(name),
        parent: Number(stat.slice(end + 2).split(' ')[1]),
        command: stat.slice(stat.indexOf('(') + 1, end),
        line: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      });
    } catch {
      // It has ended in the meantime.
    }
  }
  const found = new Set([root]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return all.filter(({ pid }) => pid !== root && found.has(pid));
}

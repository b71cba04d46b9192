import { readdirSync, readFileSync } from 'node:fs';

/**
 * Process numbers of all children of a process and of theirs, nearest first, from /proc (proc(5): field 4 of
 * `/proc/<pid>/stat`). Empty when /proc cannot be read.
 */
export function descendants(root: number, proc = '/proc'): number[] {
  const children = new Map<number, number[]>();
  let names: string[];
  try {
    names = readdirSync(proc);
  } catch {
    return [];
  }
  for (const name of names) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid <= 0) continue;
    try {
      const stat = readFileSync(`${proc}/${name}/stat`, 'latin1');
      // The command name stands in parentheses and may hold anything, parentheses too.
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      const list = children.get(parent);
      if (list) list.push(pid);
      else children.set(parent, [pid]);
    } catch {
      // It ended while we looked.
    }
  }
  const found: number[] = [];
  const seen = new Set<number>([root]);
  for (let level = children.get(root) ?? []; level.length > 0;) {
    const next: number[] = [];
    for (const pid of level) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      found.push(pid);
      next.push(...(children.get(pid) ?? []));
    }
    level = next;
  }
  return found;
}

/**
 * Ends the calling process and everything that it started, at once: what is in its process group (which it leads), and
 * children that left the group.
 */
export function endProcessTree(): never {
  for (const target of [...descendants(process.pid), -process.pid, process.pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It ended by itself, or there is no such group.
    }
  }
  throw new Error('unreachable: the process has been killed');
}

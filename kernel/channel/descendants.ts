import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

interface Process {
  pid: number;
  parent: number;
  group: number;
}

/** Every process, from /proc (proc(5): fields 4 and 5 of `/proc/<pid>/stat`). Empty when it cannot be read. */
function processes(proc: string): Process[] {
  let names: string[];
  try {
    names = readdirSync(proc);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid <= 0) return [];
    try {
      const stat = readFileSync(`${proc}/${name}/stat`, 'latin1');
      // The command name stands in parentheses and may hold anything, parentheses too.
      const [, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [{ pid, parent: Number(parent), group: Number(group) }];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}

/** Process numbers of all descendants of a process, nearest first. */
export function descendants(root: number, proc = '/proc'): number[] {
  const children = new Map<number, number[]>();
  for (const { pid, parent } of processes(proc)) {
    const list = children.get(parent);
    if (list) list.push(pid);
    else children.set(parent, [pid]);
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
 * Processes of a group whose parent has ended and that hold a pipe of it as standard input or output: `execSync('server &')` waits
 * for those. Without those that write into files.
 */
export function pipeHolders(group: number, proc = '/proc'): number[] {
  return processes(proc)
    .filter(
      (one) => one.group === group && one.pid !== group && [0, 1, 2].some((fd) => isPipe(proc, one.pid, fd)),
    )
    .map(({ pid }) => pid);
}

/** libuv's pipes to children are sockets. */
function isPipe(proc: string, pid: number, fd: number): boolean {
  try {
    return /^(socket|pipe):/.test(readlinkSync(`${proc}/${pid}/fd/${fd}`));
  } catch {
    return false;
  }
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

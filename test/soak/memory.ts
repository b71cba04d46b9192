import { readFileSync } from 'node:fs';

/** What a process has in memory, MB. NaN when it is gone. */
export function residentMegabytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
  } catch {
    return Number.NaN;
  }
}

/** The runtime process of a kernel: the child whose command line says so. */
export function runtimeOf(kernel: number): number {
  const children = readFileSync(`/proc/${kernel}/task/${kernel}/children`, 'utf8').trim().split(' ');
  for (const child of children) {
    try {
      if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('runtime.cjs')) return Number(child);
    } catch {
      // It has just ended.
    }
  }
  return 0;
}

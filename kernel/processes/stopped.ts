import { readFileSync } from 'node:fs';

/** Whether a signal has stopped it (`kill -STOP`, Ctrl-Z): state `T` of proc(5). A debugger's is `t`. */
export function isStopped(pid: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] === 'T';
  } catch {
    return false;
  }
}

/** Sends SIGCONT to a process that a signal has stopped: an interrupt can take effect only then. True when it was. */
export function continueStopped(pid: number | undefined): boolean {
  if (pid === undefined || !isStopped(pid)) return false;
  try {
    process.kill(pid, 'SIGCONT');
    return true;
  } catch {
    return false;
  }
}

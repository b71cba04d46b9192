/** Tells when the process that started the kernel is gone: no process could end the kernel then. */

const POLL_MS = 500;

/**
 * Calls `gone` once, within a second of the parent's death. The parent is the process that started us, and (where Jupyter names it in
 * JPY_PARENT_PID) the server behind a wrapper. `parent` is `process.ppid` as it was first: read later, it may already be
 * that of the process that inherits orphans.
 */
export function watchParent(
  parent: number,
  environment: NodeJS.ProcessEnv,
  gone: () => void,
): { stop(): void } {
  const named = Number(environment['JPY_PARENT_PID']);
  const server =
    Number.isInteger(named) && named > 1 && named !== parent && isAlive(named) ? named : undefined;
  const timer = setInterval(() => {
    // With parent 1 at the start (a container's first process, a daemon) there is nothing to compare.
    if (process.ppid === parent && (server === undefined || isAlive(server))) return;
    clearInterval(timer);
    gone();
  }, POLL_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

import type { Trace } from './trace.ts';

let active: { trace: Trace; leave: () => void } | undefined;

/** The trace that runs; undefined outside. */
export function activeTrace(): Trace | undefined {
  return active?.trace;
}

/** Begins a trace; `leave` puts everything back that tracing has changed, and is called exactly once. */
export function enterTrace(trace: Trace, leave: () => void): void {
  if (active !== undefined) throw new Error('a trace is already running');
  active = { trace, leave };
}

/** Ends the trace, however it went. Also for whoever terminates JavaScript in the middle: no `finally` runs then. */
export function leaveTrace(): void {
  const left = active;
  active = undefined;
  left?.leave();
}

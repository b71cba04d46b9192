import type { Binding } from '../../engines/tensorflow/binding.ts';
import type { OpRecorder } from '../../engines/tensorflow/op-recorder.ts';
import type { TraceScope } from './trace-scope.ts';

/** The trace that runs. The binding's recorder follows it: it is set here and nowhere else. */
let active:
  | { trace: TraceScope & OpRecorder; binding: Binding; leave: () => void; paused: boolean }
  | undefined;

/** The trace that ops go into now; undefined outside of traces, and while one is paused. */
export function activeTrace(): TraceScope | undefined {
  return active?.paused === false ? active.trace : undefined;
}

/**
 * Begins a trace: the binding hands every op to it.
 *
 * @param leave puts everything back that tracing has changed. Called exactly once, while ops still go to the trace.
 */
export function enterTrace(trace: TraceScope & OpRecorder, binding: Binding, leave: () => void): void {
  if (active !== undefined) throw new Error('a trace is already running');
  active = { trace, binding, leave, paused: false };
  binding.recorder = trace;
}

/** Ends the trace, however it went. Also called after JavaScript was terminated in the middle: no `finally` runs then. */
export function leaveTrace(): void {
  const left = active;
  if (left === undefined) return;
  active = undefined;
  left.binding.recorder = left.trace;
  try {
    left.leave();
  } finally {
    left.binding.recorder = undefined;
  }
}

/** Runs `action` eagerly in the middle of a trace. */
export function pauseTrace<T>(action: () => T): T {
  const paused = active;
  if (paused === undefined) return action();
  paused.paused = true;
  paused.binding.recorder = undefined;
  try {
    return action();
  } finally {
    paused.paused = false;
    paused.binding.recorder = paused.trace;
  }
}

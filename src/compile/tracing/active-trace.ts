import type { Engine } from '../../engines/engine.ts';
import type { OpRecorder } from '../../engines/op-recorder.ts';
import type { TraceScope } from './trace-scope.ts';

/** The trace that runs. The engine's recorder follows it: it is set here and nowhere else. */
let active:
  | { trace: TraceScope & OpRecorder; engine: Engine; leave: () => void; paused: boolean }
  | undefined;

/** The trace that ops go into now; undefined outside of traces, and while one is paused. */
export function activeTrace(): TraceScope | undefined {
  return active?.paused === false ? active.trace : undefined;
}

/**
 * Begins a trace: the engine hands every op to it.
 *
 * @param leave puts everything back that tracing has changed. Called exactly once, while ops still go to the trace.
 */
export function enterTrace(trace: TraceScope & OpRecorder, engine: Engine, leave: () => void): void {
  if (active !== undefined) throw new Error('a trace is already running');
  active = { trace, engine, leave, paused: false };
  engine.recorder = trace;
}

/** Ends the trace, however it went. Also called after JavaScript was terminated in the middle: no `finally` runs then. */
export function leaveTrace(): void {
  const left = active;
  if (left === undefined) return;
  active = undefined;
  left.engine.recorder = left.trace;
  try {
    left.leave();
  } finally {
    left.engine.recorder = undefined;
  }
}

/** Runs `action` eagerly in the middle of a trace. */
export function pauseTrace<T>(action: () => T): T {
  const paused = active;
  if (paused === undefined) return action();
  paused.paused = true;
  paused.engine.recorder = undefined;
  try {
    return action();
  } finally {
    paused.paused = false;
    paused.engine.recorder = paused.trace;
  }
}

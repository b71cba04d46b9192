import type { CallSpan } from './attribution.ts';
import type { TimelineRow } from './timeline.ts';

/** An entry of the Trace Event Format, as Chrome's trace viewer and Perfetto read it. Times are microseconds. */
export interface ChromeTraceEvent {
  name: string;
  /** `X`: something that lasted; `M`: the name of a process or thread. */
  ph: 'X' | 'M';
  pid: number;
  tid: number;
  ts?: number;
  dur?: number;
  args?: Record<string, unknown>;
}

/** A file that chrome://tracing and ui.perfetto.dev open. */
export interface ChromeTrace {
  displayTimeUnit: 'ms';
  traceEvents: ChromeTraceEvent[];
}

const JAVASCRIPT = 1;

/** All rows of a profile as a trace: each device is a process, each thread or stream a row of it. */
export function chromeTrace(
  rows: readonly TimelineRow[],
  calls: readonly CallSpan[],
  window: { from: number; to: number },
): ChromeTrace {
  const events: ChromeTraceEvent[] = [
    { name: 'process_name', ph: 'M', pid: JAVASCRIPT, tid: 0, args: { name: 'JavaScript' } },
    { name: 'thread_name', ph: 'M', pid: JAVASCRIPT, tid: 1, args: { name: 'calls into TensorFlow' } },
    { name: 'thread_name', ph: 'M', pid: JAVASCRIPT, tid: 2, args: { name: 'calls on other threads' } },
  ];
  const rounded = (time: number) => Math.round(time * 1000) / 1000;
  const place = (start: number, duration: number) => ({
    ts: rounded(start - window.from),
    dur: rounded(duration),
  });
  for (const { kind, name, start, duration, bytes } of calls) {
    const args = bytes > 0 ? { kind, bytes } : { kind };
    events.push({
      name,
      ph: 'X',
      pid: JAVASCRIPT,
      tid: kind === 'async' ? 2 : 1,
      ...place(start, duration),
      args,
    });
  }
  const processes = new Map<string, number>();
  for (const [index, { plane, name, events: row }] of rows.entries()) {
    let pid = processes.get(plane);
    if (pid === undefined) {
      pid = JAVASCRIPT + 1 + processes.size;
      processes.set(plane, pid);
      events.push({ name: 'process_name', ph: 'M', pid, tid: 0, args: { name: plane } });
    }
    const tid = index + 1;
    events.push({ name: 'thread_name', ph: 'M', pid, tid, args: { name } });
    for (const { name: what, start, duration, details } of row) {
      events.push({
        name: what,
        ph: 'X',
        pid,
        tid,
        ...place(start, duration),
        ...(details === undefined ? {} : { args: details }),
      });
    }
  }
  return { displayTimeUnit: 'ms', traceEvents: events };
}

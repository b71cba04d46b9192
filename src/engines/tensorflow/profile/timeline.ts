import { visitProto } from '../../../base/protobuf/visitor.ts';

/** Something that took time. Times are microseconds since the profile began. */
export interface TimelineEvent {
  name: string;
  start: number;
  duration: number;
  /** TensorFlow's notes on the event, such as shapes; texts and numbers. */
  details?: Record<string, string | number>;
}

/** A thread of the CPU, or a stream of a GPU. */
export interface TimelineRow {
  /** `/host:CPU`, or a device such as `/device:GPU:0`. */
  plane: string;
  name: string;
  events: TimelineEvent[];
}

const decoder = new TextDecoder();

/**
 * An XSpace, as TensorFlow's profiler gives it, as rows of events. Only what happened is read; TensorFlow's notes about
 * its own bookkeeping (thread pool listeners, reference counts) are left out.
 */
export function parseTimeline(space: Uint8Array): TimelineRow[] {
  const rows: TimelineRow[] = [];
  // XSpace { planes = 1 }
  visitProto(space, (field, _value, start, end) => {
    if (field === 1) parsePlane(space, start, end, rows);
  });
  return rows;
}

function parsePlane(bytes: Uint8Array, start: number, end: number, rows: TimelineRow[]): void {
  // XPlane { name = 2, lines = 3, event_metadata = 4, stat_metadata = 5 }
  let plane = '';
  const lines: [number, number][] = [];
  const names = new Map<number, string>();
  const stats = new Map<number, string>();
  visitProto(
    bytes,
    (field, _value, from, to) => {
      if (field === 2) plane = decoder.decode(bytes.subarray(from, to));
      else if (field === 3) lines.push([from, to]);
      else if (field === 4) parseName(bytes, from, to, names);
      else if (field === 5) parseName(bytes, from, to, stats);
    },
    start,
    end,
  );
  for (const [from, to] of lines) {
    const row = parseLine(bytes, from, to, names, stats);
    if (row.events.length > 0) rows.push({ plane, ...row });
  }
}

/** An entry of a map from numbers to messages that have a name. */
function parseName(bytes: Uint8Array, start: number, end: number, names: Map<number, string>): void {
  let key = 0;
  let name = '';
  visitProto(
    bytes,
    (field, value, from, to) => {
      if (field === 1) key = value;
      if (field !== 2) return;
      visitProto(
        bytes,
        (inner, _value, nameFrom, nameTo) => {
          if (inner === 2) name = decoder.decode(bytes.subarray(nameFrom, nameTo));
        },
        from,
        to,
      );
    },
    start,
    end,
  );
  names.set(key, name);
}

function parseLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  names: ReadonlyMap<number, string>,
  stats: ReadonlyMap<number, string>,
): Omit<TimelineRow, 'plane'> {
  // XLine { name = 2, timestamp_ns = 3, events = 4, display_name = 11 }
  let name = '';
  let origin = 0;
  const spans: [number, number][] = [];
  visitProto(
    bytes,
    (field, value, from, to) => {
      if (field === 2 || field === 11) name = decoder.decode(bytes.subarray(from, to)) || name;
      else if (field === 3) origin = value / 1000;
      else if (field === 4) spans.push([from, to]);
    },
    start,
    end,
  );
  const events: TimelineEvent[] = [];
  for (const [from, to] of spans) {
    const event = parseEvent(bytes, from, to, names, stats);
    if (event === undefined) continue;
    event.start += origin;
    events.push(event);
  }
  return { name, events };
}

/** Notes of the profiler's own, which say nothing about the program. */
const NOISE =
  /^(?:ThreadpoolListener::|TensorHandle::|ExecutorPropagateOutputs|ExecutorState::ScheduleReady)/;

function parseEvent(
  bytes: Uint8Array,
  start: number,
  end: number,
  names: ReadonlyMap<number, string>,
  stats: ReadonlyMap<number, string>,
): TimelineEvent | undefined {
  // XEvent { metadata_id = 1, offset_ps = 2, duration_ps = 3, stats = 4 }
  const event: TimelineEvent = { name: '', start: 0, duration: 0 };
  let noise = false;
  visitProto(
    bytes,
    (field, value, from, to) => {
      if (noise) return;
      if (field === 1) {
        event.name = names.get(value) ?? '';
        noise = NOISE.test(event.name);
      } else if (field === 2) event.start = value / 1e6;
      else if (field === 3) event.duration = value / 1e6;
      else if (field === 4) parseStat(bytes, from, to, stats, event);
    },
    start,
    end,
  );
  return noise || event.name === '' ? undefined : event;
}

function parseStat(
  bytes: Uint8Array,
  start: number,
  end: number,
  stats: ReadonlyMap<number, string>,
  event: TimelineEvent,
): void {
  // XStat { metadata_id = 1, double = 2, uint64 = 3, int64 = 4, str = 5, bytes = 6, ref = 7 }
  let name = '';
  let content: string | number | undefined;
  visitProto(
    bytes,
    (field, value, from, to) => {
      if (field === 1) name = stats.get(value) ?? '';
      else if (field === 3 || field === 4) content = value;
      else if (field === 5) content = decoder.decode(bytes.subarray(from, to));
      else if (field === 7) content = stats.get(value) ?? '';
      else if (field === 2) content = new DataView(bytes.buffer, bytes.byteOffset + from).getFloat64(0, true);
    },
    start,
    end,
  );
  // Names that begin with an underscore tie events to each other, for tools of TensorFlow's own.
  if (name !== '' && !name.startsWith('_') && content !== undefined && content !== '')
    (event.details ??= {})[name] = content;
}

import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Rendered } from '../display/index.ts';
import { notebookHost } from '../base/host.ts';
import type { HostPayload, MimeBundle } from '../base/host.ts';

/** Time between two updates, at least: ten a second. */
const SHORTEST_PAUSE_MS = 100;
/** Drawing may take this part of the time, no more… */
const SHARE = 0.01;
/** …but for the first milliseconds: what is drawn for the first time is slow. */
const ALLOWANCE_MS = 40;

/**
 * One output that is replaced in place, never more often than ten times a second, and never so often that drawing
 * takes more than a hundredth of the time.
 */
export class LiveDisplay {
  /** Updates sent, the first display included. */
  updates = 0;
  /** Milliseconds spent on drawing and sending. */
  spent = 0;
  private readonly displayId = randomUUID();
  /** The cell under which it is shown, whichever cell runs later. */
  private execution: number | undefined;
  private next = 0;
  private readonly started = performance.now();

  /** Whether an update would be sent now. */
  get due(): boolean {
    return performance.now() >= this.next;
  }

  /** Sends what `draw` makes if it is time to. */
  update(draw: () => MimeBundle, training?: HostPayload['training']): void {
    if (this.due) this.show(() => ({ data: draw(), metadata: {} }), training);
  }

  /** Sends it in any case. `training` says whether it shows one that goes on. */
  show(draw: () => Rendered, training?: HostPayload['training']): void {
    const start = performance.now();
    this.send(draw(), training);
    this.updates += 1;
    const end = performance.now();
    this.spent += end - start;
    this.next = Math.max(end + SHORTEST_PAUSE_MS, this.started + (this.spent - ALLOWANCE_MS) / SHARE);
  }

  private send({ data, metadata }: Rendered, training: HostPayload['training']): void {
    const host = notebookHost();
    if (host === undefined) {
      process.stdout.write(`${String(data['text/plain'])}\n`);
      return;
    }
    this.execution ??= host.execution();
    const { displayId, execution } = this;
    host.display(
      { data, metadata, displayId, ...(training === undefined ? {} : { training }) },
      { update: this.updates > 0, execution },
    );
  }
}

/**
 * `chart`: a display that moves on, and a chart that stays. `lines`: a line an epoch as it ends, then the chart. `text`: lines
 * only. `quiet`: nothing.
 */
export type DisplayMode = 'chart' | 'lines' | 'text' | 'quiet';

const MODES: readonly DisplayMode[] = ['chart', 'lines', 'text', 'quiet'];

let chosen: DisplayMode | undefined;

/**
 * How trainings and loops show their progress: `chart` is the default in a notebook, `lines` in one that a program
 * executes (nbconvert), `text` in a terminal. `TENSORCELL_PROGRESS` sets it from outside. Undefined brings the default back.
 */
export function progressMode(mode?: DisplayMode): DisplayMode {
  if (arguments.length > 0) chosen = mode;
  const named = process.env['TENSORCELL_PROGRESS'];
  if (chosen !== undefined) return chosen;
  const fromOutside = MODES.find((one) => one === named);
  if (fromOutside !== undefined) return fromOutside;
  const host = notebookHost();
  if (host === undefined) return 'text';
  return host.unattended ? 'lines' : 'chart';
}

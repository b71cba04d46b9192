import { randomUUID } from 'node:crypto';
import { Sampler } from '../../src/machine/devices/watch/sampler.ts';
import type { Sample } from '../../src/machine/devices/watch/sampler.ts';
import { PANEL_MINUTES, panelHtml, panelText } from '../../src/machine/devices/watch/panel.ts';
import type { Machine } from '../../src/machine/devices/index.ts';
import type { MagicContext, MagicOutput } from '../contracts/magics.ts';

const INTERVAL_MS = 1000;

/**
 * The live panel of `%device watch`. It lives in the kernel process, so it moves on while the runtime process is busy; its timer
 * keeps nothing alive, so it ends with the kernel.
 */
export class DeviceWatch {
  #timer: NodeJS.Timeout | undefined;
  #end: ((state: string) => Promise<void>) | undefined;

  get running(): boolean {
    return this.#end !== undefined;
  }

  /** Shows a new panel under the calling cell; one that was there before stands still from now on. */
  async start(
    { output }: Pick<MagicContext, 'output'>,
    machine: Machine,
    intervalMs = INTERVAL_MS,
  ): Promise<void> {
    await this.stop('continues in a newer panel');
    const sampler = new Sampler(machine);
    const samples: Sample[] = [];
    const displayId = `tensorcell-device-watch-${randomUUID()}`;
    const most = (PANEL_MINUTES * 60_000) / intervalMs;
    const state = `last ${PANEL_MINUTES} minutes; %device watch stop ends it`;
    let current = true;

    const look = async (): Promise<void> => {
      samples.push(await sampler.sample());
      if (samples.length > most) samples.shift();
    };
    const end = async (state: string): Promise<void> => {
      current = false;
      await show(output, displayId, samples, state, intervalMs, true);
    };
    this.#end = end;

    await look();
    if (!current) return;
    await show(output, displayId, samples, state, intervalMs, false);
    const tick = async (): Promise<void> => {
      const start = performance.now();
      try {
        await look();
        if (current) await show(output, displayId, samples, state, intervalMs, true);
      } catch {
        // The front end is gone or slow: the next look tries again.
      }
      if (!current || this.#end !== end) return;
      // Never closer together than the interval, however long a look took.
      this.#timer = setTimeout(
        () => void tick(),
        Math.max(intervalMs / 2, intervalMs - (performance.now() - start)),
      );
      this.#timer.unref();
    };
    this.#timer = setTimeout(() => void tick(), intervalMs);
    this.#timer.unref();
  }

  /** Whether there was one to stop. */
  async stop(state = 'stopped'): Promise<boolean> {
    const end = this.#end;
    clearTimeout(this.#timer);
    this.#end = undefined;
    await end?.(state);
    return end !== undefined;
  }
}

async function show(
  output: MagicOutput,
  displayId: string,
  samples: readonly Sample[],
  state: string,
  intervalMs: number,
  update: boolean,
): Promise<void> {
  const data = {
    'text/plain': panelText(samples, state),
    'text/html': panelHtml(samples, state, intervalMs),
  };
  await output.display({ data, metadata: {}, displayId }, update);
}

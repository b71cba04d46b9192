import type { BackendDescription } from '../../src/machine/devices/backend-description.ts';
import {
  currentMachine,
  selectionHtml,
  selectionText,
  statusHtml,
  statusText,
  takeStatus,
} from '../../src/machine/devices/index.ts';
import type { Machine } from '../../src/machine/devices/index.ts';
import { describePython, sectionHtml, sectionText } from '../../src/interop/python/devices.ts';
import type { PythonDevices } from '../../src/interop/python/devices.ts';
import { ourSide } from '../../src/interop/python/doctor.ts';
import { cudaOfRelease } from '../../src/machine/runtimes/catalogue.ts';
import type { DeviceStatus } from '../../src/machine/devices/status.ts';
import type { Magic, MagicContext } from '../contracts/magics.ts';
import { useDevice } from './device-use.ts';
import { DeviceWatch } from './device-watch.ts';
import { MagicError } from './magic-error.ts';
import { shortenHome } from './path-completion.ts';

/** A busy runtime process does not answer: its last answer has to do, marked as such. */
const ANSWER_LIMIT_MS = 300;
/** A runtime process that has just been started gets more. */
const FIRST_ANSWER_LIMIT_MS = 1500;

const FORMS = ['why', 'json', 'watch', 'watch stop', 'use'] as const;

/** Adds what Python computes on, while it runs. */
async function withPython(
  { session }: MagicContext,
  { devices, backend }: DeviceStatus,
  text: string,
  html: string,
): Promise<[text: string, html: string]> {
  const found = (await session.askPython({ what: 'devices' }).catch(() => undefined)) as
    | PythonDevices
    | 'busy'
    | undefined;
  if (found === undefined) return [text, html];
  if (found === 'busy') return [`${text}\nPython is busy\n`, `${html}<p>Python is busy</p>`];
  const section = describePython(found, ourSide(devices, cudaOfRelease(backend?.runtime?.name ?? '')));
  return [`${text}\n${sectionText(section)}`, html + sectionHtml(section)];
}

/**
 * `%device`: what the runtime process computes on and what the machine has. The machine is looked at from the kernel process, so
 * it answers while a cell trains.
 */
export function device(machine: () => Machine = currentMachine): Magic {
  const watch = new DeviceWatch();
  let last: { backend: BackendDescription; at: number } | undefined;

  async function ask({ session }: MagicContext): Promise<{ backend?: BackendDescription; note?: string }> {
    let answer: unknown;
    try {
      answer = await session.ask('device', undefined, last ? ANSWER_LIMIT_MS : FIRST_ANSWER_LIMIT_MS);
    } catch (error) {
      answer = undefined;
      if (!last) {
        return {
          note: `the runtime process could not report it: ${error instanceof Error ? error.message : String(error)}`,
        };
      }
    }
    if (answer !== undefined && answer !== null) {
      last = { backend: answer as BackendDescription, at: Date.now() };
      return { backend: last.backend };
    }
    if (!last) return { note: 'the runtime process is busy and has not reported yet' };
    const seconds = Math.round((Date.now() - last.at) / 1000);
    return { backend: last.backend, note: `the runtime process is busy: as of ${seconds} s ago` };
  }

  return {
    name: 'device',
    aliases: ['gpu'],
    kinds: ['line'],
    summary: 'show the devices, the one in use, and why',
    usage: `%device [${FORMS.join(' | ')}]`,
    complete: (line) => (/^use\s/.test(line) ? ['cuda', 'cuda:1', 'directml', 'cpu', 'js'] : FORMS),
    async run(context) {
      const form = context.line.trim().replaceAll(/\s+/g, ' ');
      const use = /^use (.+)$/.exec(form)?.[1];
      if (form !== '' && use === undefined && !FORMS.includes(form as (typeof FORMS)[number])) {
        throw new MagicError(
          'usage',
          `%device ${form}: write %device, ${FORMS.map((word) => `%device ${word}`).join(' or ')}`,
        );
      }
      // The machine as cells see it: %env may have hidden or chosen devices.
      const seen = { ...machine(), environment: context.session.environment };
      if (form === 'watch') return await watch.start(context, seen);
      if (form === 'watch stop') {
        if (!(await watch.stop())) await context.output.stdout('Nothing is being watched.\n');
        return;
      }
      const { backend, note } = await ask(context);
      if (form === 'use')
        throw new MagicError('usage', '%device use needs a device: cuda:1, directml, cpu or js');
      if (use !== undefined) return await useDevice(context, seen, use, backend);
      const status = await takeStatus(seen, backend, note);
      if (form === 'json') {
        await context.output.stdout(`${JSON.stringify(status.devices, null, 2)}\n`);
        return;
      }
      const [text, html] =
        form === 'why'
          ? [selectionText(status), selectionHtml(status)]
          : await withPython(context, status, statusText(status), statusHtml(status));
      const home = context.session.environment['HOME'];
      await context.output.display({
        data: { 'text/plain': shortenHome(text.trimEnd(), home), 'text/html': shortenHome(html, home) },
        metadata: {},
      });
    },
  };
}
